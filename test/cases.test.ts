// Sends the cases to the emulator or, with npm run compare and one after the other, to a real resource.

import { expect, inject, test as base } from "vitest";
import { cases, listedVersions } from "./cases/cases.ts";
import { normalize, type Resource, sendCase, sendRequest } from "./cases/requests.ts";
import type { Response } from "./emulator/messages.ts";
import { startTestEmulator } from "./support/fixtures.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The real resource, from compare.config.ts. */
    resource: Resource | undefined;
  }
}

const realResource = inject("resource");

const test = base.extend<{ resource: Resource; existing: Set<string> }>({
  resource: [
    async ({}, use) => {
      if (realResource) return use(realResource);
      const emulator = await startTestEmulator();
      await use(emulator.resource);
      await emulator.stop();
    },
    { scope: "file" },
  ],
  // The IDs of the identities that exist. They are deleted right after each case, also after one that failed.
  existing: async ({ resource }, use) => {
    const ids = new Set<string>();
    await use(ids);
    for (const id of ids) {
      const deletion = sendRequest(resource, { method: "DELETE", path: `/identities/${id}` });
      const { status } = await deletion.catch(({ message }) => ({ status: message }));
      expect([204, 404], `Couldn't delete ${id}`).toContain(status);
    }
  },
});

/** Returns a response without what can be newer than the recordings: API versions, and another form of MS-CV. */
function withoutNewerParts({ headers, ...others }: Response): Response {
  const { "api-supported-versions": list, "ms-cv": msCv } = headers;
  const known = list?.split(", ").filter((version) => listedVersions.split(", ").includes(version));
  const older = { ...(known && { "api-supported-versions": known.join(", ") }), ...(msCv && { "ms-cv": "<valid>" }) };
  return { headers: { ...headers, ...older }, ...others };
}

const subject = realResource ? "the resource" : "the emulator";

test.for(cases)(`${subject} responds to %s (%s)`, async (row, { resource, existing, skip, expect }) => {
  const [, , request, { headers: expectedHeaders, ...expected }, emulatorOnly] = row;
  skip(Boolean(realResource && emulatorOnly), emulatorOnly);
  const response = normalize(await sendCase(resource, request, existing));
  const { headers, ...others } = realResource ? withoutNewerParts(response) : response;
  expect.soft(others).toEqual(expected);
  expect.soft(headers).toEqual(expectedHeaders);
});
