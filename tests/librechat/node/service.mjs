// Drives every function of LibreChat's data service, `librechat-data-provider`, against an Echo, as its web client does.
//   node service.mjs <address with base path, https://chat.example.com/chat/>
// Answers JSON on stdout: what each call sent and got, in the order of the calls, and what an answer lacked.
import axios from 'axios';
import { createHmac, randomUUID } from 'node:crypto';

const address = new URL(process.argv[2]);
const SECRET = 'correct horse 1 battery';
const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

// The library reads the base path from the page that it is in, and leaves cookies to the browser.
process.browser = true;
globalThis.document = { querySelector: () => ({ getAttribute: () => address.pathname }) };
axios.defaults.baseURL = address.origin;
const { dataService, request, setTokenHeader, createPayload, apiBaseUrl } = await import('librechat-data-provider');
delete process.browser;
delete globalThis.document;

const calls = [];
const lacking = [];
let current;

function note(config, status, said) {
  const data = status >= 400 ? readable(said) : null;
  const url = new URL(config.url, address.origin);
  const path = url.pathname.slice(apiBaseUrl().length);
  calls.push({ function: current, method: config.method.toUpperCase(), path, status, code: data?.code ?? null });
}

axios.interceptors.response.use(
  (response) => {
    note(response.config, response.status, null);
    keepCookie(response);
    return response;
  },
  (error) => {
    note(error.config, error.response?.status ?? 0, error.response?.data);
    if (!error.response) {
      lacking.push(`${current}: ${error.message}`);
    }
    return Promise.reject(error);
  },
);

// An error, where the function asked for bytes.
function readable(said) {
  const text = said instanceof ArrayBuffer || Buffer.isBuffer(said) ? Buffer.from(said).toString() : said;
  try {
    return typeof text === 'string' ? JSON.parse(text) : text;
  } catch {
    return null;
  }
}

function keepCookie(response) {
  for (const line of response.headers['set-cookie'] ?? []) {
    axios.defaults.headers.common.Cookie = line.split(';')[0];
  }
}

// The answer of a function of the service; an empty object where it was refused.
async function call(name, ...given) {
  current = name;
  const before = calls.length;
  try {
    const answer = await (dataService[name] ?? others[name])(...given);
    if (calls.length === before) {
      calls.push({ function: name, method: null, path: null, status: null, code: null });
    }
    return answer ?? {};
  } catch (error) {
    if (calls.length === before) {
      lacking.push(`${name}: ${error.message}`);
    }
    return {};
  }
}

// What the next steps rely on.
function expect(what, holds) {
  if (!holds) {
    lacking.push(what);
  }
}

// What the web client asks past the service.
const others = {
  refreshToken: () => request.refreshToken(),
  startGeneration: (submission) => {
    const { server, payload } = createPayload(submission);
    return request.post(server, payload);
  },
  streamGeneration: (id) => request.get(`${apiBaseUrl()}/api/agents/chat/stream/${id}`, { responseType: 'text' }),
  statusGeneration: (id) => request.get(`${apiBaseUrl()}/api/agents/chat/status/${id}`),
  saveMessage: (id, message) => request.post(`${apiBaseUrl()}/api/messages/${id}`, message),
  abortGeneration: (body) => request.post(`${apiBaseUrl()}/api/agents/chat/abort`, body),
};

function form(fields, file, name, type, field = 'file') {
  const made = new FormData();
  for (const [key, value] of Object.entries(fields)) {
    made.append(key, value);
  }
  made.append(field, new Blob([file], { type }), name);
  return made;
}

// A second of it, as the browser's recorder sends WAV.
function silence() {
  const wav = Buffer.alloc(44 + 32000);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + 32000, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(16000, 24);
  wav.writeUInt32LE(32000, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(32000, 40);
  return wav;
}

// The six digits of an authenticator app (RFC 6238).
function digits(otpauthUrl, steps = 0) {
  const letters = new URL(otpauthUrl).searchParams.get('secret');
  const bits = [...letters].map((each) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(each).toString(2).padStart(5, '0'));
  const key = Buffer.from(bits.join('').match(/.{8}/g).map((each) => parseInt(each, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const digest = createHmac('sha1', key).update(counter).digest();
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

const credentials = (name) => ({ email: `${name}@example.com`, password: SECRET });
const registration = (name) => ({ ...credentials(name), name, username: name, confirm_password: SECRET });

async function enter(name) {
  setTokenHeader(undefined);
  delete axios.defaults.headers.common.Cookie;
  const { token, user } = await call('login', credentials(name));
  expect('login: a token and the user', token && user?.email === `${name}@example.com`);
  setTokenHeader(token);
  return user;
}

async function ask(conversationId, parentMessageId, text, { endpoint = 'openAI', files = [] } = {}) {
  const messageId = randomUUID();
  const started = await call('startGeneration', {
    userMessage: { text, messageId, parentMessageId, conversationId, sender: 'User', isCreatedByUser: true, files },
    endpointOption: { endpoint, model: 'gpt-4o' },
    conversation: { conversationId, endpoint },
    isTemporary: false,
    clientRequestId: randomUUID(),
  });
  expect('startGeneration: a conversation', started.conversationId && started.streamId);
  return started;
}

async function beforeLogin() {
  await call('healthCheck');
  const config = await call('getStartupConfig');
  expect('getStartupConfig: where it is', config.serverDomain);
  await call('register', registration('ada'));
  await call('register', registration('bob'));
  await call('getLoginGoogle');
  await call('requestPasswordReset', { email: 'ada@example.com' });
  await call('resetPassword', { userId: 'x', token: 'x', password: SECRET, confirm_password: SECRET });
  await call('verifyEmail', { email: 'ada@example.com', token: 'x' });
  await call('resendVerificationEmail', { email: 'ada@example.com' });
}

async function start() {
  const { token } = await call('refreshToken');
  expect('refreshToken: a token', token);
  setTokenHeader(token);
  const user = await call('getUser');
  expect('getUser: who is logged in', user.email === 'ada@example.com' && user.id);
  const config = await call('getStartupConfig', { context: 'chat' });
  expect('getStartupConfig: for users', config.interface);
  const endpoints = await call('getAIEndpoints');
  const models = await call('getModels');
  expect('getModels: of each endpoint', endpoints.openAI && models.openAI.includes('gpt-4o'));
  await call('getTokenConfig');
  await call('getBanner');
  await call('getUserTerms');
  await call('acceptTerms');
  await call('getUserBalance');
  expect('getSearchEnabled: true', (await call('getSearchEnabled')) === true);
  await call('getGraphApiToken', { scopes: 'files.read' });
  await call('updateUserPreferences', { statefulCodeEnvironment: { enabled: false } });
  await call('updateTokenCount', 'Hello');
  dataService.getDomainServerBaseUrl();
  calls.push({ function: 'getDomainServerBaseUrl', method: null, path: null, status: null, code: null });
  return user;
}

async function settings() {
  await call('updateFavorites', [{ model: 'gpt-4o', endpoint: 'openAI' }]);
  expect('getFavorites: what was set', (await call('getFavorites'))[0]?.model === 'gpt-4o');
  await call('updatePinnedOrder', ['a', 'b']);
  expect('getPinnedOrder: what was set', (await call('getPinnedOrder'))[1] === 'b');
  const favorite = { itemType: 'skill', itemId: '6b07eb211b657138f140ac8e' };
  await call('addToolFavorite', favorite);
  await call('getToolFavorites');
  await call('removeToolFavorite', favorite);
  await call('updateUserKey', { name: 'openAI', value: 'sk-fake', expiresAt: '2099-01-01T00:00:00.000Z' });
  expect('userKeyQuery: when it ends', (await call('userKeyQuery', 'openAI')).expiresAt);
  await call('revokeUserKey', 'openAI');
  await call('revokeAllUserKeys');
  const key = await call('createAgentApiKey', { name: 'script', expiresAt: null });
  const { keys } = await call('getAgentApiKeys');
  expect('getAgentApiKeys: the one that was made', keys.some((each) => each.id === key.id));
  await call('deleteAgentApiKey', key.id);
}

async function chat(picture) {
  const none = '00000000-0000-0000-0000-000000000000';
  const { conversationId, streamId } = await ask('new', none, 'What is 1 + 1?', { files: [picture] });
  const events = await call('streamGeneration', streamId);
  expect('streamGeneration: an end', events.includes?.('"final":true'));
  expect('genTitle: a title', (await call('genTitle', { conversationId })).title);
  await call('statusGeneration', conversationId);
  const messages = await call('getMessagesByConvoId', conversationId);
  const [question, answer] = messages;
  expect('getMessagesByConvoId: both', messages.length === 2 && answer.parentMessageId === question.messageId);
  const [one] = await call('getMessageById', conversationId, answer.messageId);
  expect('getMessageById: it', one?.messageId === answer.messageId);
  await call('listMessages', { conversationId, messageId: answer.messageId });
  const slow = await ask(conversationId, answer.messageId, 'And then?', { endpoint: 'Fake' });
  expect('getActiveJobs: it', (await call('getActiveJobs')).activeJobIds.includes(slow.streamId));
  await call('abortGeneration', { conversationId, streamId: slow.streamId, abortKey: slow.streamId });
  await call('editArtifact', { messageId: answer.messageId, index: 0, original: '1 + 1\n', updated: '1 + 2\n' });
  await call('updateMessage', { conversationId, messageId: question.messageId, text: 'What is 1 + 2?', model: 'gpt-4o' });
  await call('updateMessageContent', { conversationId, messageId: answer.messageId, index: 0, text: 'Three.' });
  await call('updateFeedback', conversationId, answer.messageId, { feedback: { rating: 'thumbsUp' } });
  await call('getParentSubagents', conversationId);
  await call('getSubagentThread', conversationId, 'thread');
  await call('controlSubagentTask', conversationId, 'thread', { taskId: 'x', action: 'stop', controlId: 'x' });
  await call('enqueueAgentQueuedTurn', { text: 'More', conversationId, parentMessageId: answer.messageId, clientRequestId: randomUUID() });
  await call('listAgentQueuedTurns', conversationId);
  await call('cancelAgentQueuedTurn', 'x');
  await call('getConversationTraceAvailability', conversationId);
  await call('getConversationTraceRecords', { conversationId });
  await call('getConversationTraceRecord', { conversationId, recordId: 'x', messageId: answer.messageId });
  return { conversationId, answer, picture };
}

async function branches({ conversationId, answer }) {
  const exported = {
    conversationId: randomUUID(),
    endpoint: 'agents',
    title: 'Two agents',
    messages: [
      { messageId: randomUUID(), parentMessageId: null, text: 'Compare', sender: 'User', isCreatedByUser: true },
    ],
    options: {},
  };
  const file = form({}, JSON.stringify(exported), 'export.json', 'application/json');
  await call('importConversationsFile', file);
  const page = await call('listConversations', { isArchived: false, sortBy: 'updatedAt', sortDirection: 'desc', limit: 25 });
  expect('listConversations: what was said and imported', page.conversations.length === 2);
  await call('getConversations', '');
  const content = ['agent_1', 'agent_2'].map((agentId) => ({ type: 'text', text: agentId, agentId, groupId: 1 }));
  const parallel = { messageId: randomUUID(), parentMessageId: answer.messageId, sender: 'Poets', isCreatedByUser: false, content };
  await call('saveMessage', conversationId, parallel);
  await call('branchMessage', { messageId: parallel.messageId, agentId: 'agent_1' });
}

async function conversations({ conversationId, answer }) {
  expect('getConversationById: it', (await call('getConversationById', conversationId)).conversationId === conversationId);
  await call('updateConversation', { conversationId, title: 'Sums' });
  const forked = await call('forkConversation', { conversationId, messageId: answer.messageId, option: 'directPath', splitAtTarget: false, latestMessageId: answer.messageId });
  expect('forkConversation: a copy', forked.conversation?.conversationId && forked.messages.length);
  const copied = await call('duplicateConversation', { conversationId });
  expect('duplicateConversation: a copy', copied.conversation?.conversationId && copied.messages.length);
  await call('pinConversation', { conversationId, pinned: true });
  const pinned = await call('listConversations', { pinned: true });
  expect('listConversations: pinned ones', pinned.conversations[0]?.title === 'Sums');
  await call('createConversationTag', { tag: 'maths', description: 'Numbers', conversationId, addToConversation: true });
  expect('getConversationTags: what was made', (await call('getConversationTags'))[0]?.tag === 'maths');
  await call('addTagToConversation', conversationId, { tags: ['maths'], tag: 'maths' });
  await call('updateConversationTag', 'maths', { tag: 'sums', description: 'Numbers', position: 1 });
  await call('rebuildConversationTags');
  await call('deleteConversationTag', 'sums');
  const project = await call('createProject', { name: 'School', description: 'Homework' });
  await call('listProjects', { limit: 20 });
  await call('assignConversationToProject', { conversationId, projectId: project._id });
  expect('getProjectById: it', (await call('getProjectById', project._id)).name === 'School');
  await call('updateProject', { projectId: project._id, name: 'University' });
  await call('deleteProject', project._id);
  await call('archiveConversation', { conversationId, isArchived: true });
  await call('archiveConversation', { conversationId, isArchived: false });
  await call('archiveAllConversations');
  await call('deleteConversation', { conversationId: copied.conversation?.conversationId, source: 'button' });
}

async function shares({ conversationId, answer, picture }) {
  const link = await call('createSharedLink', conversationId, answer.messageId, true);
  const { shareId } = link;
  await call('getSharedLink', conversationId);
  await call('listSharedLinks', { pageSize: 25, sortBy: 'createdAt', sortDirection: 'desc' });
  const shown = await call('getSharedMessages', shareId);
  expect('getSharedMessages: the conversation', shown.messages?.length >= 2);
  await call('getSharedStartupConfig', shareId);
  await call('getSharedFilePreview', shareId, picture.file_id);
  await call('getSharedFileDownload', shareId, picture.file_id);
  await call('forkSharedConversation', shareId);
  await call('updateSharedLink', shareId, answer.messageId, false);
  await call('deleteSharedLink', shareId);
}

async function files(user) {
  await call('getFileConfig');
  const file_id = randomUUID();
  const fields = { endpoint: 'openAI', file_id, message_file: 'true' };
  const image = Buffer.from(IMAGE, 'base64');
  const uploaded = await call('uploadFile', form(fields, 'Some text.', 'note.txt', 'text/plain'));
  const picture = { ...fields, file_id: randomUUID(), width: '1', height: '1' };
  const shown = await call('uploadImage', form(picture, image, 'dot.png', 'image/png'));
  await call('uploadAvatar', form({ manual: 'true' }, image, 'me.png', 'image/png'));
  const listed = await call('getFiles');
  expect('getFiles: both', listed.length === 2 && uploaded.filepath && shown.filepath);
  await call('markFilesUsage', { file_ids: [uploaded.file_id ?? file_id] });
  await call('getFilePreview', uploaded.file_id ?? file_id);
  const downloaded = await call('getFileDownload', user.id, uploaded.file_id ?? file_id);
  expect('getFileDownload: what was uploaded', String(downloaded.data) === 'Some text.');
  await call('getFileDownloadURL', user.id, uploaded.file_id ?? file_id);
  return [uploaded, shown];
}

async function removeFiles(files) {
  const gone = files.map((each) => ({ file_id: each.file_id, filepath: each.filepath, embedded: false, source: 'local' }));
  await call('deleteFiles', { files: gone });
  expect('deleteFiles: none left', (await call('getFiles')).length === 0);
}

async function speech() {
  await call('getCustomConfigSpeech');
  await call('getVoices');
  await call('speechToText', form({}, silence(), 'said.wav', 'audio/wav', 'audio'));
  const text = new FormData();
  text.append('input', 'Hello');
  text.append('voice', 'alloy');
  await call('textToSpeech', text);
}

async function library() {
  const preset = await call('createPreset', { title: 'Mine', endpoint: 'openAI', model: 'gpt-4o', presetId: null });
  await call('updatePreset', { ...preset, title: 'Ours' });
  expect('getPresets: the changed one', (await call('getPresets'))[0]?.title === 'Ours');
  await call('deletePreset', preset);
  await call('getCategories');
  const made = await call('createPrompt', { prompt: { prompt: 'Say {{x}}', type: 'text' }, group: { name: 'Sayer', category: 'idea', command: 'say' } });
  const groupId = made.group?._id;
  expect('createPrompt: a group', groupId && made.prompt?._id);
  const second = await call('addPromptToGroup', groupId, { prompt: { prompt: 'Say it twice', type: 'text', groupId } });
  await call('getPromptGroup', groupId);
  await call('getPromptGroups', { pageSize: 10, limit: 10, name: '', category: '' });
  await call('getAllPromptGroups');
  expect('getPrompts: both', (await call('getPrompts', { groupId })).length === 2);
  await call('getPrompt', made.prompt?._id);
  await call('makePromptProduction', second.prompt?._id);
  await call('updatePromptLabels', { id: made.prompt?._id, payload: { labels: ['short'] } });
  await call('updatePromptGroup', { id: groupId, payload: { oneliner: 'Says it' } });
  await call('recordPromptGroupUsage', groupId);
  await call('getRandomPrompts', { limit: 4, skip: 0 });
  await call('deletePrompt', { _id: second.prompt?._id, groupId });
  await call('deletePromptGroup', groupId);
}

async function memories() {
  const { memory } = await call('createMemory', { key: 'likes', value: 'tea' });
  expect('createMemory: it', memory?.key === 'likes');
  await call('updateMemory', 'drinks', 'green tea', 'likes');
  expect('getMemories: the changed one', (await call('getMemories')).memories[0]?.value === 'green tea');
  await call('updateMemoryById', '6b07eb211b657138f140ac8e', 'coffee', 'drinks');
  await call('deleteMemoryById', '6b07eb211b657138f140ac8e');
  await call('updateMemoryPreferences', { memories: true });
  await call('deleteMemory', 'drinks');
}

async function skills() {
  const skill = await call('createSkill', { name: 'walk', description: 'When somebody wants to walk.', body: '# Walk' });
  expect('createSkill: it', skill._id && skill.version === 1);
  await call('listSkills', { limit: 20 });
  await call('getSkill', skill._id);
  await call('updateSkill', { id: skill._id, expectedVersion: 1, payload: { body: '# Walk on' } });
  await call('updateSkillStates', { [skill._id]: false });
  await call('getSkillStates');
  await call('uploadSkillFile', skill._id, form({ relativePath: 'scripts/a.py' }, 'print(1)', 'a.py', 'text/x-python'));
  await call('listSkillFiles', skill._id);
  await call('getSkillFileContent', skill._id, 'scripts/a.py');
  await call('deleteSkillFile', skill._id, 'scripts/a.py');
  await call('importSkill', form({}, '---\nname: run\ndescription: Runs.\n---\n', 'SKILL.md', 'text/markdown'));
  await call('getSkillTree', skill._id);
  await call('createSkillNode', skill._id, { name: 'a', type: 'file' });
  await call('updateSkillNode', { skillId: skill._id, nodeId: 'a', data: { name: 'b' } });
  await call('getSkillNodeContent', { skillId: skill._id, nodeId: 'a' });
  await call('updateSkillNodeContent', { skillId: skill._id, nodeId: 'a', content: '' });
  await call('deleteSkillNode', { skillId: skill._id, nodeId: 'a' });
  await call('deleteSkill', skill._id);
}

async function agents() {
  await call('getAgentCategories');
  await call('getAvailableAgentTools');
  await call('getActions');
  const agent = await call('createAgent', { name: 'Poet', instructions: 'Rhyme.', provider: 'openAI', model: 'gpt-4o', model_parameters: {}, tools: [] });
  const agent_id = agent.id;
  expect('createAgent: it', agent_id?.startsWith('agent_') && agent._id);
  await call('updateAgent', { agent_id, data: { description: 'Rhymes' } });
  expect('getAgentById: it', (await call('getAgentById', { agent_id })).name === 'Poet');
  await call('getExpandedAgentById', { agent_id });
  await call('getAgentVersions', { agent_id });
  await call('revertAgentVersion', { agent_id, version_index: 0 });
  await call('duplicateAgent', { agent_id });
  const { data } = await call('listAgents', { requiredPermission: 1, limit: 20 });
  expect('listAgents: both', data?.length === 2);
  await call('getMarketplaceAgents', { requiredPermission: 1, limit: 6, promoted: 0, category: 'general' });
  await call('getAgentFiles', agent_id);
  const avatar = form({ file_id: randomUUID() }, Buffer.from(IMAGE, 'base64'), 'poet.png', 'image/png');
  await call('uploadAgentAvatar', { agent_id, formData: avatar });
  const raw_spec = JSON.stringify({
    openapi: '3.1.0',
    servers: [{ url: 'https://example.com' }],
    paths: { '/now': { get: { operationId: 'look' } } },
  });
  const metadata = { domain: 'https://example.com', auth: { type: 'none' }, raw_spec };
  const functions = [{ type: 'function', function: { name: 'look', description: '', parameters: {} } }];
  const saved = await call('updateAgentAction', { agent_id, metadata, functions });
  const action_id = saved?.[1]?.action_id ?? 'x';
  await call('bindActionOAuth', action_id);
  await call('deleteAgentAction', { agent_id, action_id });
  return agent;
}

async function permissions(agent) {
  const found = await call('searchPrincipals', { q: 'bob', limit: 10, types: ['user'] });
  expect('searchPrincipals: the other user', found.results?.[0]?.email === 'bob@example.com');
  await call('getAccessRoles', 'agent');
  const updated = (found.results ?? []).map((each) => ({ ...each, accessRoleId: 'agent_viewer' }));
  await call('updateResourcePermissions', 'agent', agent._id, { updated, removed: [], public: false });
  const { principals } = await call('getResourcePermissions', 'agent', agent._id);
  expect('getResourcePermissions: owner and reader', principals?.length === 2);
  await call('getEffectivePermissions', 'agent', agent._id);
  await call('getAllEffectivePermissions', 'agent');
  await call('listRoles');
  await call('getRole', 'USER');
  const on = { USE: true };
  await call('updatePromptPermissions', { roleName: 'USER', updates: on });
  await call('updateAgentPermissions', { roleName: 'USER', updates: on });
  await call('updateMemoryPermissions', { roleName: 'USER', updates: on });
  await call('updatePeoplePickerPermissions', { roleName: 'USER', updates: { VIEW_USERS: true } });
  await call('updateMCPServersPermissions', { roleName: 'USER', updates: on });
  await call('updateRemoteAgentsPermissions', { roleName: 'USER', updates: on });
  await call('updateMarketplacePermissions', { roleName: 'USER', updates: on });
  await call('updateSkillPermissions', { roleName: 'USER', updates: on });
}

async function toolsOfOthers({ conversationId, answer }) {
  await call('getAvailablePlugins');
  await call('updateUserPlugins', { pluginKey: 'web_search', action: 'install', auth: {} });
  await call('getVerifyAgentToolAuth', { toolId: 'execute_code' });
  const code = { lang: 'py', code: 'print 1\nwrite empty.txt ', messageId: answer.messageId, blockIndex: 0 };
  const ran = await call('callTool', { toolId: 'execute_code', toolParams: { ...code, conversationId } });
  const left = ran.attachments?.[0];
  expect('callTool: what was printed, and an address', ran.result?.startsWith('stdout') && left?.expiresAt);
  await call('getCodeOutputDownload', left?.filepath);
  const kept = await call('getToolCalls', { conversationId });
  expect('getToolCalls: the one', kept[0]?.attachments?.[0]?.filepath === left?.filepath);
  await call('getMCPServers');
  await call('getMCPTools');
  await call('getMCPConnectionStatus');
  // Each user has a key of their own: nobody is asked before there is one.
  const apiKey = { source: 'user', authorization_type: 'bearer' };
  const remote = { type: 'streamable-http', url: 'https://mcp.example.com', apiKey };
  await call('createMCPServer', { config: { ...remote, title: 'One' } });
  await call('getMCPServer', 'one');
  await call('updateMCPServer', 'one', { config: { ...remote, title: 'Two' } });
  await call('getMCPServerConnectionStatus', 'one');
  await call('getMCPAuthValues', 'one');
  await call('reinitializeMCPServer', 'one');
  await call('bindMCPOAuth', 'one');
  await call('getMCPOAuthStatus', `${(await call('getUser')).id}:one`);
  await call('cancelMCPOAuth', 'one');
  await call('deleteMCPServer', 'one');
}

async function assistants() {
  const of = { endpoint: 'assistants', version: 2 };
  await call('createAssistant', { ...of, name: 'Ann', model: 'gpt-4o' });
  await call('listAssistants', { endpoint: 'assistants' }, 2);
  await call('getAssistantById', { ...of, assistant_id: 'asst_1' });
  await call('updateAssistant', { assistant_id: 'asst_1', version: 2, data: { name: 'Bea', model: 'gpt-4o', endpoint: 'assistants' } });
  await call('getAssistantDocs', of);
  await call('getAvailableTools', 'assistants', 2);
  await call('updateAction', { ...of, assistant_id: 'asst_1', model: 'gpt-4o', metadata: {}, functions: [] });
  await call('deleteAction', { ...of, assistant_id: 'asst_1', action_id: 'x', model: 'gpt-4o' });
  const avatar = form({}, Buffer.from(IMAGE, 'base64'), 'ann.png', 'image/png');
  await call('uploadAssistantAvatar', { ...of, assistant_id: 'asst_1', model: 'gpt-4o', formData: avatar });
  await call('deleteAssistant', { ...of, assistant_id: 'asst_1', model: 'gpt-4o' });
}

async function later(conversationId) {
  await call('getSchedules');
  await call('createSchedule', { name: 'Daily', agent_id: 'agent_1', prompt: 'News?', enabled: true, timezone: 'UTC', cadence: {} });
  await call('getSchedule', 'x');
  await call('updateSchedule', 'x', { enabled: false });
  await call('runScheduleNow', 'x');
  await call('deleteSchedule', 'x');
  await call('getCodeEnvironments');
  await call('pairCodeEnvironment', { name: 'One', controlPlaneId: 'x' });
  await call('getCodeEnvironmentStatus', 'x');
  await call('updateCodeEnvironmentSettings', { id: 'x', settings: {} });
  await call('moveConversationCodeEnvironment', { conversationId, from: 'x', to: 'y' });
  await call('deleteCodeEnvironment', 'x');
  await call('getInsightsAccess');
  await call('getInsights', { range: '7d' });
  await call('getLangfuseConnection');
  await call('updateLangfuseConnection', { enabled: false });
  await call('testLangfuseConnection', { destination: 'x', publicKey: 'x', secretKey: 'x' });
  await call('getLangfuseSessionLink', conversationId);
  await call('getGitHubSkillSyncStatus');
  await call('setGitHubSkillSyncCredential', { credentialKey: 'x', token: 'x' });
  await call('runGitHubSkillSync');
  await call('deleteGitHubSkillSyncCredential', 'x');
}

async function secondFactor() {
  const { otpauthUrl, backupCodes } = await call('enableTwoFactor');
  await call('verifyTwoFactor', { token: digits(otpauthUrl) });
  await call('confirmTwoFactor', { token: digits(otpauthUrl) });
  const { backupCodes: fresh } = await call('regenerateBackupCodes', { backupCode: backupCodes[0] });
  setTokenHeader(undefined);
  const { tempToken, twoFAPending } = await call('login', credentials('bob'));
  expect('login: the second half is asked', twoFAPending === true);
  const { token } = await call('verifyTwoFactorTemp', { tempToken, backupCode: fresh[0] });
  expect('verifyTwoFactorTemp: a token', token);
  setTokenHeader(token);
  await call('disableTwoFactor', { backupCode: fresh[1] });
}

async function main() {
  await beforeLogin();
  await enter('ada');
  const user = await start();
  await settings();
  const uploaded = await files(user);
  const said = await chat(uploaded[1]);
  await branches(said);
  await shares(said);
  await removeFiles(uploaded);
  await speech();
  await conversations(said);
  await library();
  await memories();
  await skills();
  const agent = await agents();
  await permissions(agent);
  await toolsOfOthers(said);
  await assistants();
  await later(said.conversationId);
  await call('deleteAgent', { agent_id: agent.id });
  await call('clearAllConversations');
  await call('logout');
  await enter('bob');
  await secondFactor();
  await call('deleteUser', {});
}

try {
  await main();
} catch (error) {
  lacking.push(`after ${current}: ${error.stack}`);
}
const functions = Object.keys(dataService).filter((name) => typeof dataService[name] === 'function');
process.stdout.write(JSON.stringify({ functions, calls, lacking }), () => process.exit(0));
