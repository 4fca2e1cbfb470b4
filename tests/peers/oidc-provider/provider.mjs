// A certified OpenID provider (npm oidc-provider) on loopback, with its own pages for development.
//
//     node provider.mjs PORT REDIRECT_ADDRESS
//
// Runs where tests/peers/oidc-provider-install has put its modules. Anybody may log in by a name; the people below have
// claims of their own: some as they should be, some as providers that are set up wrongly send them.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const people = {
  olivia: { email: 'olivia@example.com', email_verified: true },
  recycled: { email: 'OLIVIA@example.com', email_verified: true },
  unverified: { email: 'olivia@example.com', email_verified: false },
  textfalse: { email: 'olivia@example.com', email_verified: 'false' },
  texttrue: { email: 'olivia@example.com', email_verified: 'true' },
  one: { email: 'olivia@example.com', email_verified: 1 },
  silent: { email: 'olivia@example.com' },
  several: { email: ['olivia@example.com'], email_verified: true },
  stranger: { email: 'stranger@example.com', email_verified: true },
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'handrail',
    client_secret: 'secret of handrail: 100 %',
    redirect_uris: [redirect],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: process.env.AUTH_METHOD ?? 'client_secret_basic',
    id_token_signed_response_alg: process.env.SIGNED_WITH ?? 'RS256',
  }],
  jwks: { keys: [{ ...key, use: 'sig', kid: 'made-for-this-run' }] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: process.env.EMAIL_IN_TOKEN !== 'yes',
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'HS256'] },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id, name: id, ...people[id] }) }),
  cookies: { keys: ['for tests only'] },
  features: { devInteractions: { enabled: true } },
});
provider.on('server_error', (_, error) => console.error('server_error', error));
provider.on('grant.error', (_, error) => console.error('grant.error', error.error, error.error_detail));
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
