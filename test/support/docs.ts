// What the README shows of the program. `npm run docs` updates it.
//
// The program marks its steps with Microsoft Learn snippet tags, `// <name>` and `// </name>`. In the README, a snippet
// goes in the code block that begins with "```ts name", the output of a run in "```console output", and the first step
// of `npm run step`, with its prompt and its result, in "```console step".

/** Masks IDs, as `<id 1>`, `<id 2>` in order of appearance, times, and tokens, also if they are shortened. */
export function mask(output: string): string {
  const id = /8:acs:[\da-f_.-]+/g;
  const ids = [...new Set(output.match(id))];
  return output
    .replace(id, (found) => `<id ${ids.indexOf(found) + 1}>`)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>")
    .replace(/eyJ[\w.-]+/g, "<token>");
}

/** Replaces the middle of the IDs and tokens in an output with an ellipsis. */
function shorten(output: string): string {
  return output
    .replace(/(8:acs:[\da-f]{8})[\da-f-]+_[\da-f-]+([\da-f]{12})/g, "$1...$2")
    .replace(/(eyJ\w{9})[\w.-]+([\w-]{12})/g, "$1...$2");
}

/** Returns the snippets of a program by name, in order: the lines between the tags, without their indentation. */
export function snippets(program: string): Map<string, string> {
  const found = [...program.matchAll(/^( *)\/\/ <(\w+)>\n([^]*?)\n *\/\/ <\/\2>$/gm)];
  return new Map(found.map(([, indent, name, lines]) => [name!, lines!.replace(new RegExp(`^${indent}`, "gm"), "")]));
}

/** Returns the code blocks of the README that begin with "```" and this line, in order. */
export function codeBlocks(readme: string, firstLine: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${firstLine}\n([^]*?)^\`\`\`$`, "gm"))].map(([, code]) => code!);
}

/** Returns what a reader copies from the README to a file: its code block and, in the program, those of the steps. */
export function readersCode(readme: string, file: string): string {
  const steps = codeBlocks(readme, "ts \\w+").join("\n");
  return codeBlocks(readme, `ts ${file}`)[0]!.replace(/ *\/\/ Quickstart code goes here\n/, () => steps);
}

/**
 * Returns the README with the current snippets and output. A block of which only masked parts would change stays as it
 * is.
 * @param stdout What the program prints on stdout with `--step`.
 * @param stderr What it prints on stderr.
 */
export function update(readme: string, program: string, stdout: string, stderr: string): string {
  const output = shorten(stdout);
  const [screen] = /^Step 1 of [^]*?^Press Enter.*$/m.exec(stderr) ?? [];
  const [, result] = output.trimEnd().split("\n\n"); // The first paragraph is the title.
  const current = new Map([...snippets(program), ["output", output.trimEnd()], ["step", `${screen}\n\n${result}`]]);
  return readme.replace(/(?<=^```(?:ts|console) (\w+)\n)[^]*?(?=^```$)/gm, (old, name: string) => {
    const block = `${current.get(name)}\n`;
    return mask(block) === mask(old) ? old : block;
  });
}
