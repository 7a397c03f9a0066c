// The calls of the program, in order. If you add, remove, or change a step, change this list with it.

/** Each call, with the title of its step and its request. */
export const calls = [
  { step: "Create an identity", request: "POST /identities" },
  { step: "Issue an access token", request: 'POST /identities/<id 1>/:issueAccessToken {"scopes":["voip"]}' },
  { step: "Create an identity with a token", request: 'POST /identities {"createTokenWithScopes":["voip"]}' },
  { step: "Refresh an access token", request: 'POST /identities/<id 1>/:issueAccessToken {"scopes":["voip"]}' },
  { step: "Revoke access tokens", request: "POST /identities/<id 1>/:revokeAccessTokens" },
  { step: "Delete the identities", request: "DELETE /identities/<id 1>" },
  { step: "Delete the identities", request: "DELETE /identities/<id 2>" },
];

/** The titles of the steps, in order. */
export const steps = [...new Set(calls.map(({ step }) => step))];

/** Says what to do if a test fails after a step was added, removed, or changed. */
export const hint = "If you changed the steps, change test/support/calls.ts with them";

/** Returns the number of the first call of a step. The first call is 1. */
export function callOf(step: string): number {
  return calls.findIndex((call) => call.step === step) + 1;
}

/** Returns what the program reports when it has deleted the identities that the calls before this one created. */
export function reportBefore(call: number): string {
  const count = calls.slice(0, call - 1).filter(({ request }) => /^POST \/identities( |$)/.test(request)).length;
  return count > 0 ? `Identities deleted: ${count}` : "No identities to delete.";
}
