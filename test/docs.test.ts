// The README and the snippets of the program: what a docs author copies is what runs.

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { bringUpToDate, mask, snippets } from "./docs.ts";
import { programFile, root, run, test } from "./fixture.ts";

const names = ["imports", "authenticate_client", "create_identity", "issue_token", "create_identity_and_token", "refresh_token", "revoke_tokens", "delete_identity"];

describe.concurrent("the snippets", () => {
  test("are these, each tag with its partner", async () => {
    expect([...snippets(await readFile(programFile, "utf8")).keys()]).toEqual(names);
  });

  test.for([
    ["// <a>\n", "<a> is never closed."],
    ["// </a>\n", "</a> closes nothing."],
    ["// <a>\n// </a>\n// <a>\n// </a>", "<a> opens twice."],
    ["// <a>\n// <b>\n// </b>\n// </a>", "<b> opens inside <a>."],
  ] as const)("must not be tagged like %j", ([program, message]) => {
    expect(() => snippets(program)).toThrow(message);
  });

  test("type-check and run, pasted one after another", async ({ clone, emulator }) => {
    await rm(join(clone, "issue-access-tokens.ts"));
    await rm(join(clone, "test"), { recursive: true });
    await writeFile(join(clone, "pasted.ts"), [...snippets(await readFile(programFile, "utf8")).values()].join("\n"));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    expect(await run([process.execPath, tsc], { cwd: clone })).toEqual({ exitCode: 0, stdout: "", stderr: "" });

    const pasted = await run([process.execPath, "--import", import.meta.resolve("tsx"), join(clone, "pasted.ts")], { settings: emulator.settings });
    expect(pasted).toMatchObject({ exitCode: 0, stderr: "" });
    const readme = await readFile(join(root, "README.md"), "utf8");
    expect(mask(readme)).toContain(`\`\`\`console\nAzure Communication Services - Access Tokens Quickstart\n${mask(pasted.stdout)}\`\`\``);
    expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "issue", "create", "issue", "revoke", "delete", "delete"]);
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("the README", () => {
  test("shows the program's snippets and output; if not, npm run docs mends it", async ({ emulator, walk }) => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const { stdout } = await walk(emulator.settings);
    expect(bringUpToDate(readme, await readFile(programFile, "utf8"), stdout), "The README is out of date: npm run docs").toBe(readme);
    expect(readme.match(/(?<=<!-- snippet: )\w+/g)).toEqual(names);
    expect(readme.match(/<!-- output -->\n```console\nAzure/g)).toHaveLength(1);
  });

  test("changes with a snippet, and with what a run prints, but not with its ids", () => {
    const readme = "<!-- snippet: a -->\n```ts\nold();\n```\n<!-- output -->\n```console\nCreated 8:acs:1_2\n```\n";
    const program = "try {\n  // <a>\n  // Why.\n  if (x) {\n    y();\n  }\n  // </a>\n}";
    expect(bringUpToDate(readme, program, "Created 8:acs:3_4\n")).toBe(readme.replace("old();", "// Why.\nif (x) {\n  y();\n}"));
    expect(bringUpToDate(readme, program, "Made 8:acs:3_4\n")).toContain("```console\nMade 8:acs:3_4\n```");
    expect(() => bringUpToDate(readme.replace("snippet: a", "snippet: b"), program, "")).toThrow("The program has no snippet <b>.");
  });

  test("names the lowest version of Node and the commands that there are", async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const { engines, scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const [, lowest] = /^\^(\d+\.\d+)\.0 /.exec(engines.node)!;
    expect(readme).toContain(`Node.js ${lowest} or later`);
    for (const [, script] of readme.matchAll(/npm run (?:--silent )?(\w+)/g)) expect(scripts).toHaveProperty(script!);
  });
});
