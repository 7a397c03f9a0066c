// Updates the code and output in the README from the program: npm run docs
//
// The program marks its steps with Microsoft Learn snippet tags, `// <name>` and `// </name>`. In the README, a snippet
// goes in the code block that begins with "```ts name", and the output of a run in "```console output".

import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/**
 * Returns the snippets of a program by name, in order: the lines between the tags, without their common indentation.
 * Throws on unmatched tags, duplicate names, and nested snippets; the message names the tag.
 */
export function snippets(program: string): Map<string, string> {
  const found = new Map<string, string>();
  let open: { name: string; lines: string[] } | undefined;
  for (const line of program.split(/\r?\n/)) {
    const [, slash, name] = /^\s*\/\/ <(\/?)(\w+)>$/.exec(line) ?? [];
    if (!name) {
      open?.lines.push(line);
    } else if (slash) {
      if (open?.name !== name) throw new Error(`</${name}> closes nothing.`);
      const indentation = Math.min(...open.lines.filter(Boolean).map((inner) => inner.search(/\S/)));
      found.set(name, open.lines.map((inner) => inner.slice(indentation)).join("\n"));
      open = undefined;
    } else {
      if (open) throw new Error(`<${name}> opens inside <${open.name}>.`);
      if (found.has(name)) throw new Error(`<${name}> opens twice.`);
      open = { name, lines: [] };
    }
  }
  if (open) throw new Error(`<${open.name}> is never closed.`);
  return found;
}

/**
 * Masks what differs between runs: IDs, as `<id 1>`, `<id 2>` in order of appearance, times, and tokens. Shortened IDs
 * and tokens are masked, too.
 */
export function mask(output: string): string {
  const id = /8:acs:[\da-f_.-]+/g;
  const ids = [...new Set(output.match(id))];
  return output
    .replace(id, (found) => `<id ${ids.indexOf(found) + 1}>`)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>")
    .replace(/eyJ[\w.-]+/g, "<token>");
}

/** Shortens the IDs and tokens of an output in the middle, where they are alike. */
export function shorten(output: string): string {
  return output
    .replace(/(8:acs:[\da-f]{8})[\da-f-]+_[\da-f-]+([\da-f]{12})/g, "$1...$2")
    .replace(/(eyJ\w{9})[\w.-]+([\w-]{12})/g, "$1...$2");
}

/**
 * Returns the README with the current snippets and output. Output that differs only in masked parts is kept. Throws if
 * the README names an unknown snippet.
 */
export function update(readme: string, program: string, output: string): string {
  const found = snippets(program);
  const shortened = shorten(output);
  return readme
    .replace(/(?<=^```ts (\w+)\n)[^]*?(?=^```$)/gm, (_old, name: string) => {
      if (!found.has(name)) throw new Error(`The program has no snippet <${name}>.`);
      return `${found.get(name)}\n`;
    })
    .replace(/(?<=^```console output\n)[^]*?(?=^```$)/gm, (old) => (mask(old) === mask(shortened) ? old : shortened));
}

/** Returns the output of `npm run local`, with a second between the steps: tokens of one second can be identical. */
async function runSlowly(): Promise<string> {
  const local = join(import.meta.dirname, "local.ts");
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), local, "--step"]);
  child.stderr.on("data", (data) => {
    if (String(data).includes("Press Enter")) setTimeout(() => child.stdin.write("\n"), 1000);
  });
  return text(child.stdout);
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "..", "..");
  const readme = join(root, "README.md");
  const program = await readFile(join(root, "issue-access-tokens.ts"), "utf8");
  const old = await readFile(readme, "utf8");
  const updated = update(old, program, await runSlowly());
  await writeFile(readme, updated);
  console.log(updated === old ? "The README is up to date." : "Updated the README.");
}
