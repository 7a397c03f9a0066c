// Tests npm run docs, and the snippets that it copies.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { nodeOptions } from "./support/processes.ts";
import { snippets, update } from "./tools/docs.ts";

describe.concurrent("npm run docs", () => {
  const program = `console.log("Title");
// <create>
// Why.
if (x) {
  y();
}
// </create>
`;
  const id = "8:acs:33333333-3333-3333-3333-333333333333_44444444-4444-4444-4444-555555555555";
  const screen =
    "Already run: a\n\n  a();\n\nStep 1 of 2: Create  (a.ts:3)\n\n  y();\n\nPress Enter.\n\nStep 2 of 2: b\n";
  const page = (code: string, name: string) => `\`\`\`ts create
${code}
\`\`\`
\`\`\`console output
Title

Created ${name}
\`\`\`
\`\`\`console step
Step 1 of 2: Create  (a.ts:3)

  y();

Press Enter.

Created ${name}
\`\`\`
`;
  const code = "// Why.\nif (x) {\n  y();\n}";

  test("updates changed snippets, output, and the first step, but not for new IDs", () => {
    const old = "8:acs:11111111...222222222222";
    expect(update(page("old();", old), program, `Title\n\nCreated ${id}\n`, screen)).toBe(page(code, old));
    const changed = page(code, old).replaceAll("Created", "Made").replace("a.ts:3", "a.ts:9");
    const current = page(code, "8:acs:33333333...555555555555");
    expect(update(changed, program, `Title\n\nCreated ${id}\n`, screen)).toBe(current);
  });

  test("rejects a block without a snippet, and a snippet without a block", () => {
    const readme = page(code, id);
    expect(() => update(readme.replace("ts create", "ts b"), program, "", "")).toThrow("no snippet <b>");
    const longer = `${program}// <drop>\n// New.\n// </drop>\n`;
    expect(() => update(readme, longer, "", "")).toThrow(
      /<drop>\. Add a section with a code block that begins with "```ts drop" after the one with the snippet <create>/,
    );
  });

  test("writes the updated README, and says so", async ({ clone, run }) => {
    await cp(join(root, "test"), join(clone, "test"), { recursive: true });
    const steps = `import { createInterface } from "node:readline";
console.error("Step 1 of 1: Create\\n\\n  y();\\n\\nPress Enter.");
createInterface({ input: process.stdin }).once("line", () => {
  console.log("Title\\n\\nCreated an identity");
  process.exit();
});
// <create>
// New.
// </create>
`;
    await writeFile(join(clone, "issue-access-tokens.ts"), steps);
    await writeFile(join(clone, "README.md"), page("old();", "one"));
    const command = [process.execPath, ...nodeOptions, "test/tools/docs.ts"];
    const result = await run(command, { cwd: clone });
    expect(result).toEqual({ exitCode: 0, stdout: "Updated the README.\n", stderr: "" });
    const expected = page("// New.", "an identity").replace("1 of 2: Create  (a.ts:3)", "1 of 1: Create");
    expect(await readFile(join(clone, "README.md"), "utf8")).toBe(expected);
  });
});

describe.concurrent("the snippets", () => {
  test("have comments that npm run step shows in 80 columns", async () => {
    const comments = (await readFile(programFile, "utf8")).match(/^ +\/\/.*/gm);
    expect(comments?.filter((comment) => comment.length > 80)).toEqual([]);
  });

  test.for([
    ["// <a>\n", "<a> is never closed."],
    ["// <a>\n// <b>\n// </b>\n// </a>", "<b> opens inside <a>."],
  ] as const)("are rejected with the tags %j", ([program, message]) => {
    expect(() => snippets(program)).toThrow(message);
  });
});
