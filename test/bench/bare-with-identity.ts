// The bare program with the static import of @azure/identity that the official sample has, though it authenticates with an access key.

import { DefaultAzureCredential } from "@azure/identity";

void DefaultAzureCredential;
await import("./bare.ts");
