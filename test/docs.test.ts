// Checks that the README shows the code and output of the real program, and that its snippets run as pasted.

import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import prettier from "prettier";
import { describe, expect } from "vitest";
import { test } from "./support/fixtures.ts";
import { programFile, root } from "./support/processes.ts";
import { mask, shorten, snippets, update } from "./tools/docs.ts";

const names = [
  "imports",
  "authenticate_client",
  "create_identity",
  "issue_token",
  "create_identity_and_token",
  "refresh_token",
  "revoke_tokens",
  "delete_identity",
];

describe.concurrent("the snippets", () => {
  test("have the expected names and matching tags", async () => {
    expect([...snippets(await readFile(programFile, "utf8")).keys()]).toEqual(names);
  });

  test.for([
    ["// <a>\n", "<a> is never closed."],
    ["// </a>\n", "</a> closes nothing."],
    ["// <a>\n// </a>\n// <a>\n// </a>", "<a> opens twice."],
    ["// <a>\n// <b>\n// </b>\n// </a>", "<b> opens inside <a>."],
  ] as const)("reject the tags %j", ([program, message]) => {
    expect(() => snippets(program)).toThrow(message);
  });

  test("have comments that fit in 80 columns", async () => {
    const comments = [...snippets(await readFile(programFile, "utf8")).values()].join("\n").match(/^\/\/.*/gm);
    expect(comments?.filter((comment) => comment.length > 80)).toEqual([]);
  });

  test("type-check with the client as TypeScript, and run as JavaScript, pasted in order", async ({
    clone,
    emulator,
    run,
  }) => {
    await rm(join(clone, "issue-access-tokens.ts"));
    const pasted = [...snippets(await readFile(programFile, "utf8")).values()].join("\n");
    await writeFile(join(clone, "pasted.ts"), pasted);
    await writeFile(join(clone, "pasted.mjs"), pasted);
    const readme = await readFile(join(root, "README.md"), "utf8");
    await writeFile(join(clone, "client.ts"), /(?<=^```ts\n)[^]*?(?=^```$)/m.exec(readme)![0]);
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    expect(await run([process.execPath, tsc], { cwd: clone })).toEqual({ exitCode: 0, stdout: "", stderr: "" });

    const result = await run([process.execPath, join(clone, "pasted.mjs")], { settings: emulator.settings });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    const transcript = `Azure Communication Services - Access Tokens Quickstart\n${mask(result.stdout)}`;
    expect(mask(readme)).toContain(`\`\`\`console output\n${transcript}\`\`\``);
    const operations = emulator.requests.map(({ operation }) => operation);
    expect(operations).toEqual(["create", "issue", "create", "issue", "revoke", "delete", "delete"]);
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("the README", () => {
  test("shows the program's snippets and output (if not, run npm run docs)", async ({ emulator, walk }) => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const { stdout } = await walk(emulator.settings);
    expect(update(readme, await readFile(programFile, "utf8"), stdout)).toBe(readme);
    expect(readme.match(/(?<=^```ts )\w+/gm)).toEqual(names);
    expect(readme.match(/^```console output\nAzure/gm)).toHaveLength(1);
  });

  test("is updated for changed snippets and output, but not for new IDs", () => {
    const old = "Created 8:acs:11111111...222222222222\n";
    const readme = `\`\`\`ts a\nold();\n\`\`\`\n\`\`\`console output\n${old}\`\`\`\n`;
    const program = "try {\n  // <a>\n  // Why.\n  if (x) {\n    y();\n  }\n  // </a>\n}";
    const id = "8:acs:33333333-3333-3333-3333-333333333333_44444444-4444-4444-4444-555555555555";
    const updated = readme.replace("old();", "// Why.\nif (x) {\n  y();\n}");
    expect(update(readme, program, `Created ${id}\n`)).toBe(updated);
    expect(update(readme, program, `Made ${id}\n`)).toContain(
      "```console output\nMade 8:acs:33333333...555555555555\n```",
    );
    expect(() => update(readme.replace("ts a", "ts b"), program, "")).toThrow("no snippet <b>");
  });

  test("shortens tokens so that they can be told apart", () => {
    const tokens = ["A", "B"].map((last) => `eyJ${"x".repeat(50)}.${"y".repeat(50)}.${"z".repeat(50)}${last}`);
    expect(shorten(tokens.join("\n"))).toBe("eyJxxxxxxxxx...zzzzzzzzzzzA\neyJxxxxxxxxx...zzzzzzzzzzzB");
  });

  test("names the minimum Node version and only existing scripts", async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const { engines, scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const [, minimum] = /^\^(\d+\.\d+)\.0 /.exec(engines.node)!;
    expect(readme).toContain(`Node.js ${minimum} or later`);
    for (const [, script] of readme.matchAll(/npm run (?:--silent )?(\w+)/g)) expect(scripts).toHaveProperty(script!);
  });
});

describe.concurrent("the TypeScript files", () => {
  test("are formatted with Prettier (if not, run npm run format)", async () => {
    const tests = (await readdir(import.meta.dirname, { recursive: true })).filter((file) => file.endsWith(".ts"));
    expect(tests.length).toBeGreaterThan(20);
    for (const file of ["issue-access-tokens.ts", ...tests.map((file) => join("test", file))]) {
      const filepath = join(root, file);
      const options = { ...(await prettier.resolveConfig(filepath)), filepath };
      expect(await prettier.check(await readFile(filepath, "utf8"), options), file).toBe(true);
    }
  });
});
