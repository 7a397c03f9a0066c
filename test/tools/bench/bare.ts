// The seven SDK calls of the walkthrough, and nothing else.

import { CommunicationIdentityClient } from "@azure/communication-identity";

const client = new CommunicationIdentityClient(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING!);
const identity = await client.createUser();
console.log((await client.getToken(identity, ["voip"])).token);
const second = await client.createUserAndToken(["voip"]);
console.log(second.token);
console.log((await client.getToken(identity, ["voip"])).token);
await client.revokeTokens(identity);
await client.deleteUser(identity);
await client.deleteUser(second.user);
