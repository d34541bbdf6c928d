// A certified OpenID provider for tests. Its one argument is JSON: its address and port, its clients, perhaps a
// certificate, and the people, who log in with any password. Each start makes a new key, which is how keys rotate.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import Provider from 'oidc-provider';

const { url, port, clients, people, tls } = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: randomUUID() };

const provider = new Provider(url, {
  clients,
  jwks: { keys: [key] },
  // Browsers send the cookies of a host to all its ports.
  cookies: {
    keys: ['a key of the tests'],
    names: { session: `session_${port}`, interaction: `interaction_${port}`, resume: `resume_${port}` },
  },
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'preferred_username', 'groups'],
  },
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  // Its own refuses addresses that are not the internet's.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  findAccount: (_, id) => people[id] && {
    accountId: id,
    claims: () => ({ sub: id, ...people[id] }),
  },
});
for (const event of ['backchannel.error', 'server_error']) {
  provider.on(event, (_, error) => console.error(event, error));
}
provider.use((ctx, next) => {
  console.log(ctx.method, ctx.path);
  return next();
});
const server = tls ? createTlsServer(tls, provider.callback()) : createServer(provider.callback());
server.listen(port, '127.0.0.1', () => console.log('ready'));
