// A certified OpenID provider. It prints its port. Whoever logs in is the subject of the login name, with any password;
// what is said of it is set by `PUT /claims/<subject>`.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Provider } from 'oidc-provider';

const [callback, logoutBack] = process.argv.slice(2);
const claims = new Map();
const resources = { programs: 'https://api.example.com', another: 'https://other.example.com' };
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'echo',
      client_secret: 'the client is a secret',
      redirect_uris: [callback],
      post_logout_redirect_uris: [logoutBack],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    },
    { client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: [callback], response_types: ['code'] },
    { client_id: 'programs', client_secret: 'of a program', redirect_uris: [callback], response_types: ['code'] },
    { client_id: 'another', client_secret: 'of a program', redirect_uris: [callback], response_types: ['code'] },
  ],
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name', 'preferred_username', 'picture', 'groups', 'realm_access'],
  },
  // As most providers of organisations do it.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ['only for tests'] },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // Of two clients access tokens are JWTs, for an API of their own each.
      defaultResource: (ctx) => resources[ctx.oidc.client.clientId],
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, audience) => ({ scope: 'email', audience, accessTokenFormat: 'jwt' }),
    },
  },
  async findAccount(_ctx, id) {
    return { accountId: id, claims: async () => ({ sub: id, ...(claims.get(id) ?? {}) }) };
  },
});

const answer = provider.callback();
server.on('request', async (request, response) => {
  if (request.method === 'PUT' && request.url.startsWith('/claims/')) {
    let body = '';
    for await (const piece of request) body += piece;
    claims.set(decodeURIComponent(request.url.slice('/claims/'.length)), JSON.parse(body));
    response.writeHead(204).end();
    return;
  }
  answer(request, response);
});
console.log(server.address().port);
