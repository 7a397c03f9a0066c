// Updates the code and output in the README from the program: npm run docs
//
// The program marks its steps with Microsoft Learn snippet tags, `// <name>` and `// </name>`. In the README, a snippet
// goes in the code block that begins with "```ts name", and the output of a run in "```console output".

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
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

/**
 * Returns the output of `npm run step`, with a second between the steps: tokens of one second can be identical. Throws if
 * the program fails.
 */
async function runSlowly(): Promise<string> {
  const local = join(import.meta.dirname, "local.ts");
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), local, "--step"]);
  let problems = "";
  child.stderr.on("data", (data) => {
    problems = String(data);
    if (problems.includes("Press Enter")) setTimeout(() => child.stdin.write("\n"), 1000);
  });
  const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (exitCode !== 0) throw new Error(`The program ended with ${exitCode}: ${problems.trim()}`);
  return output;
}

if (process.argv[1] === import.meta.filename) {
  try {
    const readme = join(root, "README.md");
    const program = await readFile(join(root, "issue-access-tokens.ts"), "utf8");
    const old = await readFile(readme, "utf8");
    const updated = update(old, program, await runSlowly());
    await writeFile(readme, updated);
    console.log(updated === old ? "The README is up to date." : "Updated the README.");
  } catch (error) {
    console.error(`The README is unchanged. ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
