// Keeps the certificate of npm run local and npm run step, so that they start faster.

import { createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { generateCertificate } from "../emulator/server.ts";

const maxAge = 3 * 24 * 60 * 60_000; // milliseconds

/** Returns the certificate in a file, with its key. If it's missing, damaged, or older than three days, renews it. */
export async function keptCertificate(file: string): Promise<string> {
  const kept = await readFile(file, "utf8").catch(() => "");
  if (isUsable(kept)) return kept;
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

function isUsable(pem: string): boolean {
  try {
    const certificate = new X509Certificate(pem);
    const age = Date.now() - Date.parse(certificate.validFrom);
    return age >= 0 && age < maxAge && certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}
