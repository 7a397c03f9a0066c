// Checks that the README shows the code and output of the real program, and that a reader can build it from the page.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { mask } from "./support/output.ts";
import { nodeOptions } from "./support/processes.ts";
import { snippets, update } from "./tools/docs.ts";

const readFromRoot = (name: string) => readFile(join(root, name), "utf8");

/** Returns the code blocks of the README that begin with this line, in order. */
async function blocks(firstLine: RegExp): Promise<string[]> {
  const readme = await readFromRoot("README.md");
  return [...readme.matchAll(new RegExp(`^\`\`\`${firstLine.source}\n([^]*?)^\`\`\`$`, "gm"))].map(([, code]) => code!);
}

/** Returns the program that a reader builds from the page: the skeleton, with the snippets in place of its comment. */
async function buildProgram(): Promise<string> {
  const [skeleton = ""] = await blocks(/ts issue-access-tokens\.ts/);
  const code = (await blocks(/ts \w+/)).join("\n");
  return skeleton.replace(/ *\/\/ Quickstart code goes here\n/, () => code);
}

describe.concurrent("the README", () => {
  test("shows the program's snippets and output (if not, run npm run docs)", async ({ emulator, runProgram }) => {
    const readme = await readFromRoot("README.md");
    const { stdout } = await runProgram(emulator.settings);
    expect(update(readme, await readFile(programFile, "utf8"), stdout)).toBe(readme);
  });

  test("lets a reader build a program that prints the transcript", async ({ clone, emulator, run }) => {
    const file = join(clone, "issue-access-tokens.ts");
    await writeFile(file, await buildProgram());
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

  test("shows code that type-checks, and a client that gets the server's token and rejects a 401", async ({
    clone,
    emulator,
    run,
  }) => {
    const [server = ""] = await blocks(/ts server\.ts/);
    const [client = ""] = await blocks(/ts client\.ts/);
    const program = `import { CommunicationIdentityClient } from "@azure/communication-identity";
const client = new CommunicationIdentityClient(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING!);
const stored = await client.createUser();
let isSignedIn = false;
const findUser = async (_request: Request) => (isSignedIn ? stored : undefined);
globalThis.fetch = (path) => GET(new Request(new URL(String(path), "http://localhost")));
${server}${client.replace("refreshProactively: true", "refreshProactively: false")}
console.log(await credential.getToken().catch((error: Error) => error.message));
isSignedIn = true;
console.log((await credential.getToken()).token);
`;
    const file = join(clone, "server-and-client.ts");
    await writeFile(file, program);
    await writeFile(join(clone, "issue-access-tokens.ts"), await buildProgram());
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const types = await run([process.execPath, tsc, "--target", "es2017", "--lib", "es2017"], { cwd: clone });
    expect(types).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const result = await run([process.execPath, ...nodeOptions, file], { settings: emulator.settings });
    const stdout = `The server returned no access token: 401\n${emulator.tokens[0]?.token}\n`;
    expect(result).toEqual({ exitCode: 0, stderr: "", stdout });
  });

  test("names the minimum Node version and only existing scripts", async () => {
    const pages = await Promise.all(["README.md", ".github/CONTRIBUTING.md"].map(readFromRoot));
    const { engines, scripts } = JSON.parse(await readFromRoot("package.json"));
    for (const version of engines.node.match(/\d+\.\d+(?=\.0)/g)) expect(pages[0]).toContain(version);
    const named = pages.join().match(/(?<=npm run )\w+/g);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named!));
  });
});

describe.concurrent("npm run docs", () => {
  test("updates changed snippets and output, but not for new IDs", () => {
    const old = "Created 8:acs:11111111...222222222222\n";
    const readme = `\`\`\`ts a\nold();\n\`\`\`\n\`\`\`console output\n${old}\`\`\`\n`;
    const program = "try {\n  // <a>\n  // Why.\n  if (x) {\n    y();\n  }\n  // </a>\n}";
    const id = "8:acs:33333333-3333-3333-3333-333333333333_44444444-4444-4444-4444-555555555555";
    const updated = readme.replace("old();", "// Why.\nif (x) {\n  y();\n}");
    expect(update(readme, program, `Created ${id}\n`)).toBe(updated);
    const changed = "```console output\nMade 8:acs:33333333...555555555555\n```";
    expect(update(readme, program, `Made ${id}\n`)).toContain(changed);
    expect(() => update(readme.replace("ts a", "ts b"), program, "")).toThrow("no snippet <b>");
  });

  test("keeps the README as it is when the program fails", async ({ clone, run }) => {
    await cp(join(root, "test"), join(clone, "test"), { recursive: true });
    await writeFile(join(clone, "README.md"), "old\n");
    await writeFile(join(clone, "issue-access-tokens.ts"), "console.error('broken');\nprocess.exit(3);\n");
    const command = [process.execPath, ...nodeOptions, "test/tools/docs.ts"];
    const { exitCode, stdout, stderr } = await run(command, { cwd: clone });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toBe("The README is unchanged. The program ended with 3: broken\n");
    expect(await readFile(join(clone, "README.md"), "utf8")).toBe("old\n");
  });
});

describe.concurrent("the snippets", () => {
  test("have comments that fit in 80 columns", async () => {
    const comments = [...snippets(await readFile(programFile, "utf8")).values()].join("\n").match(/^\/\/.*/gm);
    expect(comments?.filter((comment) => comment.length > 80)).toEqual([]);
  });

  test.for([
    ["// <a>\n", "<a> is never closed."],
    ["// <a>\n// <b>\n// </b>\n// </a>", "<b> opens inside <a>."],
  ] as const)("reject the tags %j", ([program, message]) => {
    expect(() => snippets(program)).toThrow(message);
  });
});
