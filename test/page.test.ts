// Tests what a reader builds from the README: the program, the server, and the client, each as the page shows it.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { delimiter, join } from "node:path";
import { build } from "esbuild";
import { expect, inject } from "vitest";
import { buildBundles, nodePaths } from "./support/build.ts";
import { codeBlocks, mask, readersCode } from "./support/docs.ts";
import { root } from "./support/environment.ts";
import { signIn } from "./emulator/authentication.ts";
import { delay, error, respondWith, silence } from "./support/faults.ts";
import { test as base } from "./support/fixtures.ts";
import { hasSignals, nodeOptions, type Started } from "./support/processes.ts";

const readme = await readFile(join(root, "README.md"), "utf8");
const signedIn = { headers: { cookie: "theme=dark; user=example" } };
const denied = error(401, "Denied", "Denied by the resource provider.");

// The files that a reader creates, and their bundles beside them, which start faster. Some tests run the files as they
// are.
const folder = join(inject("bundles"), "page");
const files = ["issue-access-tokens.ts", "server.ts", "client.ts"];
await mkdir(folder);
await writeFile(join(folder, "package.json"), '{ "type": "module" }');
await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
for (const file of files) await writeFile(join(folder, file), readersCode(readme, file));
await buildBundles(
  files.map((file) => join(folder, file)),
  folder,
);
/** Returns the command that runs one of these files. */
const run = (file: string) => [process.execPath, ...(file.endsWith(".ts") ? nodeOptions : []), join(folder, file)];

/** Adds a function that starts the server of the page, waits until it listens, and returns its URL, too. */
const test = base.extend<{ startServer: (settings: object, file?: string) => Promise<Started & { url: string }> }>({
  startServer: ({ start }, use) =>
    use(async (settings, file = "server.mjs") => {
      const server = start(run(file), { settings: { ...settings, PORT: "0" } });
      await server.prints("port: ");
      return { ...server, url: `http://localhost:${/port: (\d+)/.exec(server.output.stdout)![1]}/api/access-token` };
    }),
});

/** Listens on this machine and returns the port. */
async function listen(server: ReturnType<typeof createTcpServer>): Promise<number> {
  await once(server.listen(0, "localhost"), "listening");
  return (server.address() as AddressInfo).port;
}

// The slowest tests come first, so that the others run while they wait.
test("the server gives up after 10 seconds, and leaves nothing open", async ({ emulator, startServer }) => {
  const silent = createTcpServer((socket) => socket.resume().on("error", () => {})); // never responds
  const connectionString = `endpoint=https://localhost:${await listen(silent)}/;accesskey=a2V5`;
  emulator.always("issue", silence);
  const servers = await Promise.all([
    startServer({ COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString }),
    startServer(emulator.settings),
  ]);
  // A browser can open a connection ahead of time, and not use it.
  connect(Number(new URL(servers[0].url).port), "localhost").on("error", () => {});
  const started = Date.now();
  const responses = await Promise.all(servers.map(({ url }) => fetch(url, signedIn)));
  expect(responses.map(({ status }) => status)).toEqual([500, 500]);
  expect(Date.now() - started).toBeLessThan(12_000);
  await once(silent.close(), "close"); // No connection is open.
  servers[0].child.kill("SIGINT");
  expect((await servers[0].ended).exitCode).toBe(hasSignals ? 0 : null);
});

test("the server survives a sign-in that fails between requests", async ({ emulator, startServer }) => {
  const token = () => signIn("https://communication.azure.com", Date.now() - 3_595_000); // expires in 5 seconds
  emulator.once("sign-in", (respond) => respondWith(200, token())(respond));
  emulator.always("sign-in", respondWith(400, { message: "Out of order." }));
  const { prints, url } = await startServer(emulator.entraSettings);
  expect((await fetch(url, signedIn)).status).toBe(200);
  await prints("AuthenticationError");
  expect((await fetch(url, signedIn)).status).toBe(500);
});

test("createCredential rejects with the cause, and repeats a failed refresh", async ({ start }) => {
  // The first token is refreshed after half of its lifetime, then after half of the rest.
  const main = `import { createCredential } from "./client.mjs";
const tokenFor = (seconds) => "e30." + btoa(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds })) + ".";
const [first, last] = [tokenFor(14), tokenFor(86_400)];
const rejected = [new Response("", { status: 401 }), Response.json({ token: null }), new Response("<html></html>")];
const accepted = [{ token: first }, {}, { token: last }].map((value) => Response.json(value));
const responses = [...rejected, accepted[0], undefined, accepted[1], accepted[2]]; // undefined: never responds
globalThis.fetch = async (path, { headers, signal }) => {
  if (path !== "/api/access-token" || headers.Accept !== "application/json") return Response.error();
  return responses.shift() ?? new Promise((_, reject) => signal?.addEventListener("abort", reject));
};
const { timeout } = AbortSignal;
AbortSignal.timeout = (milliseconds) => timeout(milliseconds / 100);
for (const _ of rejected) console.log(await createCredential().catch((error) => error.message));
const credential = await createCredential();
while ((await credential.getToken()).token === first) await new Promise((resolve) => setTimeout(resolve, 20));
console.log((await credential.getToken()).token === last, responses.length);
credential.dispose();`;
  await writeFile(join(folder, "page.mjs"), main);
  const { stdout, ...others } = await start(run("page.mjs")).ended;
  const failed = "The server returned no access token:";
  expect(stdout.split("\n")).toEqual([`${failed} 401`, `${failed} 200`, expect.stringContaining("JSON"), "true 0", ""]);
  expect(others).toEqual({ stderr: "", exitCode: 0 });
});

const { PATH = "", ProgramFiles = "", "ProgramFiles(x86)": programFiles86 = "" } = process.env;
const names = ["google-chrome", "microsoft-edge", "chromium"];
const browser = [
  ...PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  ...["Google Chrome", "Microsoft Edge"].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
  join(ProgramFiles, "Google", "Chrome", "Application", "chrome.exe"),
  join(programFiles86, "Microsoft", "Edge", "Application", "msedge.exe"),
].find((file) => existsSync(file));
const testBrowser = test.skipIf(!browser);

testBrowser("the client gets tokens of one identity in a browser", async ({ emulator, start, startServer }) => {
  const contents = `import { createCredential } from "./client.ts";
const results = [await createCredential().catch(({ message }) => message)];
document.cookie = "user=example";
for (const credential of await Promise.all([createCredential(), createCredential()])) {
  results.push((await credential.getToken()).token);
}
document.body.textContent = results.join();`;
  const stdin = { contents, resolveDir: folder };
  const { outputFiles } = await build({ stdin, nodePaths, bundle: true, format: "esm", write: false });
  const server = await startServer(emulator.settings);
  const site = createServer(async ({ url = "", headers: { cookie = "" } }, response) => {
    const html = `<!doctype html><body><script type="module">${outputFiles[0]!.text}</script>`;
    if (!url.startsWith("/api")) return response.writeHead(200, { "Content-Type": "text/html" }).end(html);
    const forwarded = await fetch(new URL(url, server.url), { headers: { cookie } });
    response.writeHead(forwarded.status).end(await forwarded.text());
  });
  const url = `http://localhost:${await listen(site)}/`;
  const disabled = ["background-networking", "component-update", "gpu", "sync"].map((name) => `--disable-${name}`);
  const offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"; // It asks for Google's hosts otherwise.
  // Root can't have a sandbox. The time of the page stands still while it waits for a response.
  const options = ["--headless", "--no-first-run", "--no-sandbox", ...disabled, offline];
  options.push("--dump-dom", "--virtual-time-budget=10000", `--user-data-dir=${join(emulator.folder, "profile")}`);
  const { stdout, stderr } = await start([browser!, ...options, url]).ended; // with all of its processes
  site.close();
  const tokens = emulator.tokens.map(({ token }) => token);
  const [, text = ""] = /<body>([^<]*)/.exec(stdout) ?? [];
  expect(text.split(",").sort(), stderr).toEqual(["The server returned no access token: 401", ...tokens].sort());
  expect(tokens).toHaveLength(2);
  expect(emulator.identities.size).toBe(1);
});

test("the server issues tokens to signed-in users, for one identity each", async ({ emulator, startServer }) => {
  emulator.once("create", denied);
  emulator.once("create 2", delay(500));
  const { child, ended, output, prints, url } = await startServer(emulator.settings, "server.ts");
  expect(output.stdout).toMatch(/address: '(127\.0\.0\.1|::1)'/); // not reachable from other machines
  expect((await fetch(url, { headers: { cookie: "superuser=example" } })).status).toBe(401);
  for (const method of ["HEAD", "POST"]) expect((await fetch(url, { ...signedIn, method })).status).toBe(405);
  expect((await fetch(new URL("/favicon.ico", url), signedIn)).status).toBe(404);
  expect(emulator.requests).toEqual([]);
  const failed = await fetch(url, signedIn);
  expect([failed.status, await failed.text()]).toEqual([500, ""]);
  await prints("Denied by the resource provider."); // only here
  const responses = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}?x=1`, signedIn)));
  const results = await Promise.all(responses.map((response) => response.json()));
  expect(results).toEqual(expect.arrayContaining(emulator.tokens.map(({ token }) => ({ token }))));
  const headers = { "cache-control": "no-store", "content-type": "application/json" };
  expect(Object.fromEntries(responses[0]!.headers)).toMatchObject(headers);
  expect(emulator.requests.at(-1)!.body).toBe('{"scopes":["voip","chat"]}');
  expect(emulator.identities.size).toBe(1);
  child.kill("SIGTERM");
  expect((await ended).exitCode).toBe(hasSignals ? 0 : null);
});

test("a reader's program prints the output, or the error and exits with 1", async ({ emulator, start }) => {
  const { settings } = emulator;
  const { stdout, ...others } = await start(run("issue-access-tokens.ts"), { settings }).ended;
  expect(mask(stdout)).toBe(mask(codeBlocks(readme, "console output")[0]!));
  expect(others).toEqual({ stderr: "", exitCode: 0 });
  expect(emulator.identities.size).toBe(0);
  emulator.once("create", denied);
  const stderr = expect.stringContaining("Denied by the resource provider.");
  expect(await start(run("issue-access-tokens.mjs"), { settings }).ended).toMatchObject({ stderr, exitCode: 1 });
});

test("the program, server, and client of a reader type-check", async ({ project, start }) => {
  for (const file of files) await copyFile(join(folder, file), join(project, file));
  const compilerOptions = { target: "es2017", lib: ["es2017"] };
  const config = { extends: "./tsconfig.json", compilerOptions, files, include: [] };
  await writeFile(join(project, "reader.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const options = ["--project", "reader.json", "--noImplicitReturns", "--noUnusedLocals"];
  const result = await start([process.execPath, tsc, ...options], { cwd: project }).ended;
  expect(result).toEqual({ stdout: "", stderr: "", exitCode: 0 });
});
