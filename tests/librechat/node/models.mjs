// Holds a database against LibreChat's published models; answers JSON on stdout.
//   node models.mjs <command> <URI>
// validate: what the models object to in each document, and what they would turn into another type.
// indexes:  create LibreChat's indexes as its start does; which of them the server refused.
// read:     what LibreChat finds of each user, with the messages of each conversation.
import { createModels } from '@librechat/data-schemas';
import mongoose from 'mongoose';

const NAMES = [
  ...['AccessRole', 'AclEntry', 'Action', 'Agent', 'AgentApiKey', 'AgentCategory', 'Assistant', 'Balance', 'ChatProject', 'Conversation'],
  ...['ConversationTag', 'File', 'Key', 'MCPServer', 'MemoryEntry', 'Message', 'PluginAuth', 'Preset', 'Prompt', 'PromptGroup', 'Role', 'Session'],
  ...['SharedLink', 'Skill', 'SystemGrant', 'ToolCall', 'Transaction', 'User'],
];
const { EJSON } = mongoose.mongo.BSON;

const [command, uri] = process.argv.slice(2);
mongoose.set('autoIndex', false);
mongoose.set('autoCreate', false);
createModels(mongoose);
await mongoose.connect(uri);
const answer = await { validate, indexes, read }[command]();
await mongoose.disconnect();
process.stdout.write(JSON.stringify(answer), () => process.exit(0));

async function validate() {
  const found = {};
  for (const name of NAMES) {
    const Model = mongoose.model(name);
    const documents = await Model.collection.find().toArray();
    found[Model.collection.name] = documents.map((document) => examine(Model, document));
  }
  return found;
}

function examine(Model, stored) {
  const unknown = Object.keys(stored).filter((key) => Model.schema.pathType(key) === 'adhocOrUndefined');
  const known = Object.fromEntries(Object.entries(stored).filter(([key]) => !unknown.includes(key)));
  // In this mode a field that the schema does not have is an error, at any depth.
  const document = new Model(known, 'throw');
  const errors = document.validateSync()?.errors ?? {};
  const read = document.toObject({ depopulate: true, flattenMaps: true, minimize: false });
  return {
    unknown,
    errors: Object.fromEntries(Object.entries(errors).map(([path, error]) => [path, error.kind])),
    recast: Object.keys(known).filter((key) => !keeps(known[key], read[key])),
  };
}

// Whether a value is read with the types that it has; defaults may come, and all numbers are alike to JavaScript.
function keeps(stored, read) {
  if (Array.isArray(stored)) {
    return Array.isArray(read) && stored.every((each, index) => keeps(each, read[index]));
  }
  if (stored !== null && Object.getPrototypeOf(stored) === Object.prototype) {
    return read != null && Object.keys(stored).every((key) => keeps(stored[key], read[key]));
  }
  return EJSON.stringify({ stored }, { relaxed: true }) === EJSON.stringify({ stored: read }, { relaxed: true });
}

async function indexes() {
  const refused = {};
  for (const name of mongoose.modelNames()) {
    try {
      await mongoose.model(name).createIndexes();
    } catch (error) {
      refused[name] = error.message;
    }
  }
  return refused;
}

async function read() {
  const found = {};
  for (const user of await mongoose.model('User').find().lean()) {
    const conversations = await mongoose
      .model('Conversation')
      .find({ user: user._id.toString() })
      .populate('messages')
      .lean();
    found[user.email] = {
      role: user.role,
      conversations: conversations.map((each) => ({
        conversationId: each.conversationId,
        title: each.title,
        messages: each.messages.map((message) => message.messageId),
      })),
      presets: await mongoose.model('Preset').countDocuments({ user: user._id.toString() }),
      files: await mongoose.model('File').countDocuments({ user: user._id }),
      sessions: await mongoose.model('Session').countDocuments({ user: user._id }),
    };
  }
  return found;
}
