// Checks that the README shows the code and output of the real program, and that a reader can build it from the page.

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { test } from "./support/fixtures.ts";
import { mask, shorten } from "./support/output.ts";
import { nodeOptions, programFile, root } from "./support/processes.ts";
import { snippets, update } from "./tools/docs.ts";

const readFromRoot = (name: string) => readFile(join(root, name), "utf8");

/** Returns the code blocks of the README that begin with this line, in order. */
async function blocks(firstLine: RegExp): Promise<string[]> {
  const readme = await readFromRoot("README.md");
  return [...readme.matchAll(new RegExp(`^\`\`\`${firstLine.source}\n([^]*?)^\`\`\`$`, "gm"))].map(([, code]) => code!);
}

/** Returns the program that a reader builds from the page: the skeleton, with the snippets in it. */
async function build(): Promise<string> {
  const [skeleton = ""] = await blocks(/ts imports/);
  const steps = await blocks(/ts (?!imports|server|client)\w+/);
  return skeleton.replace(/ *\/\/ Quickstart code goes here\n/, () => steps.join("\n"));
}

describe.concurrent("the README", () => {
  test("shows the program's snippets and output (if not, run npm run docs)", async ({ emulator, runProgram }) => {
    const readme = await readFromRoot("README.md");
    const { stdout } = await runProgram(emulator.settings);
    expect(update(readme, await readFile(programFile, "utf8"), stdout)).toBe(readme);
  });

  test("lets a reader build a program that prints the transcript", async ({ clone, emulator, run }) => {
    const file = join(clone, "issue-access-tokens.ts");
    await writeFile(file, await build());
    const program = [process.execPath, ...nodeOptions, file];
    const result = await run(program, { settings: emulator.settings });
    const [transcript = ""] = await blocks(/console output/);
    expect({ ...result, stdout: mask(result.stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: mask(transcript) });
    expect(emulator.identities.size).toBe(0);

    const wrongKey = `endpoint=${emulator.endpoint};accesskey=d3Jvbmc=`;
    const settings = { ...emulator.settings, COMMUNICATION_SERVICES_CONNECTION_STRING: wrongKey };
    const { exitCode, stderr } = await run(program, { settings });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Denied by the resource provider.");
  });

  test("names the minimum Node version and only existing scripts and files", async () => {
    const pages = await Promise.all(["README.md", ".github/CONTRIBUTING.md"].map(readFromRoot));
    const { engines, scripts } = JSON.parse(await readFromRoot("package.json"));
    for (const version of engines.node.match(/\d+\.\d+(?=\.0)/g)) expect(pages[0]).toContain(version);
    for (const [, script] of pages.join().matchAll(/npm run (?:--silent )?(\w+)/g)) expect(scripts).toHaveProperty(script!);
  });
});

describe.concurrent("the snippets", () => {
  test("have comments that fit in 80 columns", async () => {
    const comments = [...snippets(await readFile(programFile, "utf8")).values()].join("\n").match(/^\/\/.*/gm);
    expect(comments?.filter((comment) => comment.length > 80)).toEqual([]);
  });
});
