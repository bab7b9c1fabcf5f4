// A real identity server: the certified `oidc-provider`, with one user and one public client that has to use PKCE.
// node identity.mjs PORT APP USER PASSWORD; prints a line of JSON for each grant.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, app, user, password, silent] = process.argv.slice(2); // silent: no refresh tokens, a frame renews
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "web",
      redirect_uris: [`${app}/app`, `${app}/silent`],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
  ],
  pkce: { required: () => true },
  clientBasedCORS: () => true,
  issueRefreshToken: () => !silent,
  cookies: { keys: ["a key of this test"] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
const grants = new Set();
const sessions = new Set();
provider.on("session.saved", (session) => sessions.add(session.uid));
provider.on("grant.success", (context) => console.log(JSON.stringify(context.oidc.params.grant_type)));

async function endAll() {
  for (const id of grants) {
    for (const kind of ["AccessToken", "RefreshToken", "AuthorizationCode"]) await provider[kind].revokeByGrantId(id);
  }
}

const FORM = (uid, fields) =>
  `<!doctype html><title>Identity</title><form method=post action=/interaction/${uid}>${fields}</form>`;
const FIELDS = {
  login: "<input name=user><input name=password type=password><button>Next</button>",
  consent: "<p>The portal wants to know who you are.</p><button>Allow</button>",
};

function remembered(id) {
  grants.add(id);
  return id;
}

async function endSessions() {
  for (const id of sessions) await (await provider.Session.findByUid(id))?.destroy();
}

async function endOne(token) {
  await (await provider.AccessToken.find(token))?.destroy(); // as if its time were over: it can be renewed
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

async function interact(request, response) {
  const { uid, prompt, params, session } = await provider.interactionDetails(request, response);
  const show = (status, fields) => {
    response.writeHead(status, { "content-type": "text/html" }).end(FORM(uid, fields));
  };
  if (request.method === "GET") return show(200, FIELDS[prompt.name]);
  const typed = await body(request);
  if (prompt.name === "login") {
    if (typed.get("user") !== user || typed.get("password") !== password) {
      return show(401, `<p>Wrong user name or password.</p>${FIELDS.login}`);
    }
    return provider.interactionFinished(request, response, { login: { accountId: user } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: remembered(await grant.save()) } });
}

createServer((request, response) => {
  const [path, token] = request.url.split("?"); // these two are for an administrator, the test
  if (path === "/end-all") return endAll().then(() => response.end());
  if (path === "/end-sessions") return endSessions().then(() => response.end());
  if (path === "/end-one") return endOne(token).then(() => response.end());
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
}).listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify("listening")));
