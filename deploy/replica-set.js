// Makes a fresh MongoDB the only member of a replica set, and gives Echo a user of its own; run by mongosh --nodb.
// What is there already is left as it is, so it can run at every start.
const { MONGO_HOST, MONGO_ROOT_PASSWORD, ECHO_DB_PASSWORD } = process.env;
const DATABASE = 'LibreChat';
const REPLICA_SET = 'rs0';
const NOT_YET_INITIALIZED = 94;
const PATIENCE_SECONDS = 120;

function eventually(what, attempt) {
  for (let second = 0; second < PATIENCE_SECONDS; second += 1) {
    try {
      const result = attempt();
      if (result) return result;
    } catch (error) {
      // A wrong password does not get right by waiting.
      if (error.code === 18) throw error;
    }
    sleep(1000);
  }
  throw new Error(`${what} took more than ${PATIENCE_SECONDS} seconds`);
}

// The server listens to others only when the image has made the root user.
const address =
  `mongodb://root:${encodeURIComponent(MONGO_ROOT_PASSWORD)}@${MONGO_HOST}/admin` +
  '?directConnection=true&serverSelectionTimeoutMS=2000';
const admin = eventually('to reach MongoDB', () => connect(address));

try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.code !== NOT_YET_INITIALIZED) throw error;
  admin.adminCommand({
    replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host: MONGO_HOST }] },
  });
}
eventually('the election', () => admin.hello().isWritablePrimary);

const database = admin.getSiblingDB(DATABASE);
if (database.getUser('echo') === null) {
  database.createUser({ user: 'echo', pwd: ECHO_DB_PASSWORD, roles: ['readWrite'] });
}
print(`${MONGO_HOST} is primary of ${REPLICA_SET}`);
