// What `beeline/client` exports.
export { MonitorClient, type Transport } from './client.js';
export { connect, type Endpoint } from './connect.js';
export { type EventNotice, type FollowOptions, followEvents } from './follow.js';
export type { EventData, EventName, MethodName, NoticeName, NoticeParams, Params, Result } from './protocol.js';
