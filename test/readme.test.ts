// Checks that the README shows the code and output of the real program, and that a reader can build it from the page.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { hint, steps } from "./support/calls.ts";
import { programFile, root } from "./support/environment.ts";
import { error } from "./support/faults.ts";
import { test } from "./support/fixtures.ts";
import { mask } from "./support/output.ts";
import { hasSignals, nodeOptions, type Processes, type RunOptions } from "./support/processes.ts";
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

/** Saves the code block of this name, such as `server.ts`, in a folder, and returns the path of the file. */
async function copyBlock(name: string, folder: string): Promise<string> {
  const [code = ""] = await blocks(new RegExp(`ts ${name}`));
  await writeFile(join(folder, name), code);
  return join(folder, name);
}

/** Starts a server on a free port, and returns its process and the URL of its tokens when it listens. */
async function serve(processes: Processes, program: string[], options: RunOptions) {
  let child!: ChildProcess;
  const settings = { ...options.settings, PORT: "0" };
  const onStart = (started: ChildProcess) => (child = started);
  const ended = processes.run([process.execPath, ...nodeOptions, ...program], { ...options, settings, onStart });
  const failed = ended.then(({ stderr }) => Promise.reject(new Error(`The server ended: ${stderr}`)));
  failed.catch(() => {}); // It also ends after the test.
  const [line] = await Promise.race([once(child.stdout!, "data"), failed]);
  return { child, ended, url: `http://localhost:${/port: (\d+)/.exec(String(line))?.[1]}/api/access-token` };
}

describe.concurrent("the README", () => {
  test("shows the program's snippets, output, and first step (if not, run npm run docs)", async ({ emulator, run }) => {
    const readme = await readFromRoot("README.md");
    const program = [process.execPath, ...nodeOptions, programFile, "--step"];
    const { stdout, stderr } = await run(program, { settings: emulator.settings, input: "\n".repeat(20) });
    expect(update(readme, await readFile(programFile, "utf8"), stdout, stderr)).toBe(readme);
  });

  test("lets a reader build a program that prints the output, and fails with a wrong key", async ({
    clone,
    emulator,
    run,
  }) => {
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

  test("shows a program, a server, and a client that type-check", async ({ clone, run }) => {
    await writeFile(join(clone, "issue-access-tokens.ts"), await buildProgram());
    for (const name of ["server.ts", "client.ts"]) await copyBlock(name, clone);
    const options = ["--target", "es2017", "--lib", "es2017", "--noImplicitReturns", "--noUnusedLocals"];
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const result = await run([process.execPath, tsc, ...options], { cwd: clone });
    expect(result).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  const signedIn = { headers: { cookie: "theme=dark; user=example" } };

  test("shows a server that npm run local starts, with a token for a signed-in user", async ({ clone, processes }) => {
    const command = ["test/tools/local.ts", await copyBlock("server.ts", clone)];
    const { child, ended, url } = await serve(processes, command, { cwd: root });
    expect((await fetch(url)).status).toBe(401);
    expect(await (await fetch(url, signedIn)).json()).toEqual({ token: expect.stringMatching(/^eyJ/) });
    if (!hasSignals) return;
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ exitCode: 143 }); // 128 and the number of the signal that ended the server
  });

  test("shows a server that survives an error of ACS and doesn't pass it on", async ({
    clone,
    emulator,
    processes,
  }) => {
    const { settings } = emulator;
    const { url } = await serve(processes, [await copyBlock("server.ts", clone)], { settings });
    emulator.once("issue", error(401, "Denied", "Denied by the resource provider."));
    const failed = await fetch(url, signedIn);
    expect([failed.status, await failed.text()]).toEqual([500, ""]);
    const response = await fetch(url, signedIn);
    expect(await response.json()).toEqual({ token: emulator.tokens[0]!.token });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(emulator.requests.at(-1)!.body).toBe('{"scopes":["voip","chat"]}');
    expect((await fetch(new URL("/favicon.ico", url), signedIn)).status).toBe(404);
    expect(emulator.identities.size).toBe(1);
  });

  test("shows a client whose failures its caller catches, and which repeats a failed refresh", async ({
    clone,
    run,
  }) => {
    const issue = (seconds: number) => {
      const claims = JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds });
      tokens.push(`e30.${Buffer.from(claims).toString("base64url")}.`);
      return [200, JSON.stringify({ token: tokens.at(-1) })] as const;
    };
    const tokens: string[] = [];
    const failure = [500, "Try again."] as const;
    const page = [200, "<html>Welcome</html>"] as const;
    // The first token is refreshed after half of its lifetime.
    const respond = [
      () => [401, ""] as const,
      () => failure,
      () => page,
      () => issue(3),
      () => failure,
      () => issue(86_400),
    ];
    const server = createServer(({ url }, response) => {
      const [status, body] = (url === "/api/access-token" && respond.shift()?.()) || [404, ""];
      response.writeHead(status).end(body);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await copyBlock("client.ts", clone);
    const program = `import { createCredential } from "./client.ts";
const { fetch } = globalThis;
globalThis.fetch = (path) => fetch(new URL(String(path), "${origin}")); // In a browser, a URL can be relative.
for (let i = 0; i < 3; i++) console.log(await createCredential().catch((error) => error.message));
const credential = await createCredential();
const { token } = await credential.getToken();
while ((await credential.getToken()).token === token) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(token);
console.log((await credential.getToken()).token);
credential.dispose();`;
    await writeFile(join(clone, "page.ts"), program);
    const { exitCode, stdout, stderr } = await run([process.execPath, ...nodeOptions, join(clone, "page.ts")]);
    server.close();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const failed = "The server returned no access token:";
    const messages = [`${failed} 401`, `${failed} 500`, expect.stringContaining("JSON")];
    expect(stdout.trimEnd().split("\n")).toEqual([...messages, ...tokens]);
  });

  test("names the minimum Node version", async () => {
    const readme = await readFromRoot("README.md");
    const { engines } = JSON.parse(await readFromRoot("package.json"));
    for (const version of engines.node.match(/\d+\.\d+(?=\.0)/g)) expect(readme).toContain(version);
  });

  test("has a diagram with all steps", async () => {
    const numbers = (await readFromRoot("README.md")).match(/(?<=^    Server->>ACS: )\d+/gm);
    expect(numbers, `${hint}, and the diagram in README.md`).toEqual(steps.map((_step, index) => String(index + 1)));
  });
});

describe.concurrent("CONTRIBUTING.md", () => {
  test("names all tags", async () => {
    const tags = [...snippets(await readFile(programFile, "utf8")).keys()];
    const [list = ""] = /(?<=The tags are ).+?\./.exec(await readFromRoot(".github/CONTRIBUTING.md")) ?? [];
    expect(list.match(/\w+(?=`)/g), "If you changed the tags, change the list in .github/CONTRIBUTING.md").toEqual(
      tags,
    );
  });

  test("names only existing scripts, as does the README", async () => {
    const pages = await Promise.all(["README.md", ".github/CONTRIBUTING.md"].map(readFromRoot));
    const { scripts } = JSON.parse(await readFromRoot("package.json"));
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(pages.join().match(/(?<=npm run )\w+/g)!));
  });
});
