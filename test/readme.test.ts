// Checks that the program and the README show the same code and output. npm run docs runs this file.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { snippets, update } from "./support/docs.ts";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { nodeOptions } from "./support/processes.ts";

const readme = await readFile(join(root, "README.md"), "utf8");
const program = await readFile(programFile, "utf8");

// npm run docs runs the test whose name contains "docs".
test("--step and the README show the program (see npm run docs)", async ({ emulator, project, start, expect }) => {
  const codeOf = snippets(program);
  const names = [...codeOf.keys()].filter((name) => name !== "imports"); // The skeleton contains these.
  const missing = "Give each snippet of the program a code block in README.md that begins with ```ts and its name";
  expect(readme.match(/(?<=^```ts )\w+$/gm), missing).toEqual(names);

  const file = join(project, "issue-access-tokens.ts");
  await writeFile(file, program.replaceAll("\n", "\r\n")); // The line ends of Windows make no difference.
  const options = { settings: emulator.settings, input: "\n".repeat(20) };
  const result = await start([process.execPath, ...nodeOptions, file, "--step"], options).ended;
  expect(result.exitCode, result.stderr).toBe(0);
  const { stdout, stderr } = { ...result, stderr: result.stderr.replaceAll("\r\n", "\n") };
  await expect(update(readme, program, stdout, stderr)).toMatchFileSnapshot("../README.md");
  const stale = readme.replaceAll(/^```(ts create_identity|console output|console step)\n/gm, "$&Old.\n");
  expect(update(stale, program, stdout, stderr)).not.toMatch(/Old\.|eyJ[\w-]{20}/); // nor a whole token

  const steps = [...program.matchAll(/startStep\("(.+)", "(\w+)"\)/g)];
  const shown = steps.map(([, title, tag = ""], number) => {
    const heading = number > 0 ? `Step ${number} of ${steps.length - 1}: ${title}` : title;
    const firstLine = program.slice(0, program.indexOf(`// <${tag}>`)).split("\n").length + 1;
    const code = codeOf.get(tag)!.replaceAll(/^(?=.)/gm, "  ");
    const prompt = "Press Enter to run this code, or Ctrl+C to stop and clean up.";
    return `\n${heading}  (issue-access-tokens.ts:${firstLine})\n\n${code}\n\n${prompt}\n`;
  });
  const [, about] = /^const about = `([^]*?)`;$/m.exec(program)!;
  const [screens, hint] = stderr.split("\nTo send tokens to ");
  expect(screens).toBe(`\n${about}\n${shown.join("")}`);
  expect(hint).toContain('in step 2 of issue-access-tokens.ts: change "voip"');
});

test("the diagram in the README has as many steps as the program", () => {
  const numbers = readme.match(/(?<=^    Server->>ACS: )\d+/gm);
  const steps = program.match(/^  await startStep/gm)!.slice(1); // without the authentication
  expect(numbers).toEqual(steps.map((_step, index) => `${index + 1}`));
});
