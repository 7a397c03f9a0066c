// The calls of the program, in order. If you add, remove, or rename a step, change this list with it.

/** Each call with its step, and the number of identities that exist when it starts. */
export const calls = [
  { step: "Create an identity", identities: 0 },
  { step: "Issue an access token", identities: 1 },
  { step: "Create an identity with a token", identities: 1 },
  { step: "Refresh an access token", identities: 2 },
  { step: "Revoke access tokens", identities: 2 },
  { step: "Delete the identities", identities: 2 },
  { step: "Delete the identities", identities: 1 },
];

/** The titles of the steps, in order. */
export const steps = [...new Set(calls.map(({ step }) => step))];

/** Says what to do if a test fails after a step was added, removed, or renamed. */
export const hint = "If you changed the steps, change test/support/calls.ts and test/walkthrough.test.ts with them";
