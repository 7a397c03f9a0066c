// Checks that the README shows the code and output of the real program, and names what exists.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { snippets, update } from "./support/docs.ts";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { nodeOptions } from "./support/processes.ts";

const readme = await readFile(join(root, "README.md"), "utf8");
const program = await readFile(programFile, "utf8");

test("the README shows the program's code and output (see npm run docs)", async ({ emulator, start, expect }) => {
  const names = [...snippets(program).keys()].filter((name) => name !== "imports"); // The skeleton contains these.
  const hint = "Give each snippet of the program a code block in README.md that begins with ```ts and its name";
  expect(readme.match(/(?<=^```ts )\w+$/gm), hint).toEqual(names);
  const options = { settings: emulator.settings, input: "\n".repeat(20) };
  const { stdout, stderr, exitCode } = await start([process.execPath, ...nodeOptions, programFile, "--step"], options)
    .ended;
  expect(exitCode, stderr).toBe(0);
  await expect(update(readme, program, stdout, stderr)).toMatchFileSnapshot("../README.md");
});

test("the pages name the minimum Node version, and only existing scripts", async () => {
  const files = [".github/CONTRIBUTING.md", "test/emulator/README.md"].map((name) =>
    readFile(join(root, name), "utf8"),
  );
  const pages = readme + (await Promise.all(files));
  const { engines, scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  for (const version of engines.node.match(/\d+\.\d+(?=\.0)/g)) expect(pages).toContain(version);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(pages.match(/(?<=npm run (?:--silent )?)\w+/g)!));
});

test("the diagram in the README has as many steps as the program", () => {
  const numbers = readme.match(/(?<=^    Server->>ACS: )\d+/gm);
  const steps = program.match(/^  await startStep/gm)!.slice(1); // without the authentication
  expect(numbers).toEqual(steps.map((_step, index) => `${index + 1}`));
});
