// Updates the code and output in the README from the program: npm run docs
//
// The program marks its steps with Microsoft Learn snippet tags, `// <name>` and `// </name>`. In the README, a snippet
// goes in the code block that begins with "```ts name", the output of a run in "```console output", and the first step
// of `npm run step`, with its prompt and its result, in "```console step".

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";
import { root } from "../support/environment.ts";
import { mask, shorten } from "../support/output.ts";

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
 * Returns the README with the current snippets and output. Output that differs only in masked parts is kept. Throws if
 * the README names an unknown snippet, or doesn't show one.
 * @param stdout What `npm run step` prints on stdout.
 * @param stderr What it prints on stderr.
 */
export function update(readme: string, program: string, stdout: string, stderr: string): string {
  const found = snippets(program);
  const output = shorten(stdout);
  const [screen] = /^Step 1 of [^]*?^Press Enter.*$/m.exec(stderr) ?? [];
  const [, result] = output.trimEnd().split("\n\n"); // The first paragraph is the title.
  const step = `${screen}\n\n${result}\n`;
  const keepOr = (current: string) => (old: string) => (mask(old) === mask(current) ? old : current);
  const updated = readme
    .replace(/(?<=^```ts (\w+)\n)[^]*?(?=^```$)/gm, (_old, name: string) => {
      if (!found.has(name)) throw new Error(`The program has no snippet <${name}>.`);
      return `${found.get(name)}\n`;
    })
    .replace(/(?<=^```console output\n)[^]*?(?=^```$)/gm, keepOr(output))
    .replace(/(?<=^```console step\n)[^]*?(?=^```$)/gm, keepOr(step));
  const names = [...found.keys()];
  const missing = names.findIndex((name) => !updated.includes(`${found.get(name)}\n`));
  if (missing >= 0) {
    throw new Error(`It doesn't show the snippet <${names[missing]}>. Add a section with a code block that begins with \
"\`\`\`ts ${names[missing]}" after the one with the snippet <${names[missing - 1]}>, and run npm run docs again.`);
  }
  return updated;
}

/**
 * Returns the output of `npm run step`, with a second between the steps: tokens of one second can be identical. Throws
 * if the program fails.
 */
async function runSlowly() {
  const local = join(import.meta.dirname, "local.ts");
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), local, "--step"]);
  let [stderr, last] = ["", ""];
  child.stderr.on("data", (data) => {
    last = String(data);
    stderr += last;
    if (last.includes("Press Enter")) setTimeout(() => child.stdin.write("\n"), 1000);
  });
  const [stdout, [exitCode]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (exitCode !== 0) throw new Error(`The program ended with ${exitCode}: ${last.trim()}`);
  return { stdout, stderr: stripVTControlCharacters(stderr) };
}

if (process.argv[1] === import.meta.filename) {
  try {
    const readme = join(root, "README.md");
    const program = await readFile(join(root, "issue-access-tokens.ts"), "utf8");
    const old = await readFile(readme, "utf8");
    const { stdout, stderr } = await runSlowly();
    const updated = update(old, program, stdout, stderr);
    await writeFile(readme, updated);
    console.log(updated === old ? "The README is up to date." : "Updated the README.");
  } catch (error) {
    console.error(`The README is unchanged. ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
