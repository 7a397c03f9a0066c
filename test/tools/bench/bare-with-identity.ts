// bare.ts plus the static import of @azure/identity from the official sample, although it uses an access key.

import { DefaultAzureCredential } from "@azure/identity";

void DefaultAzureCredential;
await import("./bare.ts");
