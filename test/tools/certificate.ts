// Keeps the certificate of npm run local and npm run step, so that they start faster.

import { createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { generateCertificate } from "../emulator/server.ts";

/** Returns the certificate in a file, with its key. If it's missing, damaged, or older than three days, renews it. */
export async function keptCertificate(file: string): Promise<string> {
  try {
    const kept = await readFile(file, "utf8");
    const certificate = new X509Certificate(kept);
    const days = (Date.now() - Date.parse(certificate.validFrom)) / 86_400_000;
    if (days >= 0 && days < 3 && certificate.checkPrivateKey(createPrivateKey(kept))) return kept;
  } catch {
    // It's missing or damaged.
  }
  const certificate = await generateCertificate();
  const unfinished = `${file}.${randomUUID()}`; // Another process can do the same at this time.
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(unfinished, certificate, { mode: 0o600 });
    await rename(unfinished, file);
  } catch {
    await rm(unfinished, { force: true }).catch(() => {}); // The folder can be read-only.
  }
  return certificate;
}
