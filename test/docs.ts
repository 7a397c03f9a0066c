// Keeps the README's code and output those of the program: npm run docs brings them up to date.
//
// The program marks its steps with the snippet tags of Microsoft Learn, `// <name>` and `// </name>`. The README shows a snippet in the
// fence after `<!-- snippet: name -->`, and a run in the fence after `<!-- output -->`.

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Finds the snippets of a program: the lines between their tags, without the indentation that they share, by name and in their order.
 * A tag without its partner, a name that stands twice and a snippet within another one are errors that name the tag.
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

/** Replaces what differs from run to run: ids by `<id 1>`, `<id 2>` in the order in which they come up, times, and tokens, even shortened ones. */
export function mask(output: string): string {
  const ids = [...new Set(output.match(/8:acs:[\da-f_-]+/g))];
  return output
    .replace(/8:acs:[\da-f_-]+/g, (id) => `<id ${ids.indexOf(id) + 1}>`)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>")
    .replace(/eyJ[\w.-]+/g, "<token>");
}

/**
 * Gives a README with the snippets of a program and the output of its run. An output that differs only in what `mask` hides stays.
 * A snippet that the program does not have is an error.
 */
export function bringUpToDate(readme: string, program: string, output: string): string {
  const found = snippets(program);
  const shortened = output.replace(/(eyJ\w{20})[\w.-]+/g, "$1...");
  return readme
    .replace(/(?<=<!-- snippet: (\w+) -->\n```ts\n)[^]*?(?=```\n)/g, (_old, name: string) => {
      if (!found.has(name)) throw new Error(`The program has no snippet <${name}>.`);
      return `${found.get(name)}\n`;
    })
    .replace(/(?<=<!-- output -->\n```console\n)[^]*?(?=```\n)/g, (old) => (mask(old) === mask(shortened) ? old : shortened));
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "..");
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", import.meta.resolve("tsx"), join(root, "test", "local.ts")]);
  const readme = join(root, "README.md");
  const program = await readFile(join(root, "issue-access-tokens.ts"), "utf8");
  const old = await readFile(readme, "utf8");
  const brought = bringUpToDate(old, program, stdout);
  await writeFile(readme, brought);
  console.log(brought === old ? "The README is up to date." : "The README has been brought up to date.");
}
