// A certified OpenID Connect provider on loopback. Started with one JSON argument: key, certificate, redirect, secret, module.
// It prints its issuer once it answers, and ends when its standard input closes.
import { readFileSync } from "node:fs";
import https from "node:https";

const told = JSON.parse(process.argv[2]);
const { default: Provider } = await import(told.module);
const tls = { key: readFileSync(told.key), cert: readFileSync(told.certificate) };
const server = https.createServer(tls);

server.listen(0, "127.0.0.1", () => {
  const issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "fs2od", client_secret: told.secret, redirect_uris: [told.redirect],
      grant_types: ["authorization_code"], response_types: ["code"],
    }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    scopes: ["openid", "email", "profile", "groups"],
    pkce: { required: () => true },
    cookies: { keys: [told.secret] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, name: `${id} Example`, email: `${id}@example.org`, email_verified: true,
        groups: id === "kim" ? ["staff"] : [],
      }),
    }),
  });
  server.on("request", provider.callback());
  console.log(JSON.stringify({ issuer }));
});

process.stdin.on("end", () => process.exit(0)).resume();
