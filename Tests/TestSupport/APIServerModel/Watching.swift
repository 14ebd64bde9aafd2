import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// One line of a watch.
package struct ModelEvent: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case added = "ADDED", modified = "MODIFIED", deleted = "DELETED", bookmark = "BOOKMARK", error = "ERROR"
    }

    package var kind: Kind
    package var object: JSONValue

    package var line: Data { (["type": .string(kind.rawValue), "object": object] as JSONValue).data }
}

/// A watch that has begun, and its position.
package struct ModelWatch: Sendable {
    let type: RegisteredType
    let namespace: String?
    let selection: Selection
    let isMetadataOnly: Bool
    /// Whether the client accepts bookmarks.
    package let allowsBookmarks: Bool
    /// The time after which the server ends it; nil: at any time.
    package let timeout: Duration?
    /// All changes up to this revision have been sent.
    package fileprivate(set) var revision: Int
    /// The watch has sent an error, and is over.
    package fileprivate(set) var isOver = false

    fileprivate func matches(_ object: StoredObject?) -> Bool {
        guard let object else { return false }
        return (namespace == nil || object.key.namespace == namespace) && selection.matches(object)
    }
}

package enum ModelWatchStart: Sendable {
    case refused(APIResponse)
    case started(ModelWatch, [ModelEvent])
}

/// Watches: the changes since a revision, as events.
extension APIServerModel {
    package func startWatch(_ request: APIRequest) -> ModelWatchStart {
        do {
            let asked = try ResourceRequest(request, types: types)
            try refusals.checkPermission(request.method, asked)
            return try start(asked, isMetadataOnly: request.wantsMetadataOnly)
        } catch let refusal as Refusal {
            return .refused(refusal.response)
        } catch {
            return .refused(APIResponse(code: 404, body: Data("404 page not found\n".utf8)))
        }
    }

    private func start(_ request: ResourceRequest, isMetadataOnly: Bool) throws -> ModelWatchStart {
        let version = try watchedVersion(request)
        let wantsAll = request.isSet("sendInitialEvents")
        if wantsAll, request["resourceVersionMatch"] != "NotOlderThan" { throw Refusal.initialEventsWithoutMatch }
        var watch = ModelWatch(
            type: request.type, namespace: request.namespace,
            selection: try Selection(labels: request["labelSelector"], fields: request["fieldSelector"]),
            isMetadataOnly: isMetadataOnly, allowsBookmarks: request.isSet("allowWatchBookmarks"),
            timeout: request["timeoutSeconds"].flatMap { Int($0) }.map { .seconds($0) }, revision: version ?? 0)
        if wantsAll, !settings.servesInitialEvents {
            watch.isOver = true
            return .started(watch, [ModelEvent(kind: .error, object: Refusal.watchProgressDisabled.status)])
        }
        guard wantsAll || (version ?? 0) == 0 else {
            let missed = events(for: &watch)
            return .started(watch, missed)
        }
        watch.revision = store.revision
        var events = store.all(request.type).filter { watch.matches($0) }.map { event(.added, $0, watch) }
        if wantsAll, watch.allowsBookmarks { events.append(bookmark(for: watch, endsInitialEvents: true)) }
        return .started(watch, events)
    }

    private func watchedVersion(_ request: ResourceRequest) throws -> Int? {
        do {
            return try request.resourceVersion()
        } catch let refusal as Refusal {
            // Lists call this a bad request; watches do not.
            throw Refusal(
                500, nil, refusal.message.replacing("invalid resource version: ", with: ""))
        }
    }

    /// The events that the watch has not sent yet. An error is the last event.
    package func events(for watch: inout ModelWatch) -> [ModelEvent] {
        guard !watch.isOver else { return [] }
        guard let changes = store.changes(of: watch.type, after: watch.revision) else {
            watch.isOver = true
            let message = "too old resource version: \(watch.revision) (\(store.compactedRevision))"
            return [ModelEvent(kind: .error, object: Refusal(410, "Expired", message).status)]
        }
        watch.revision = max(watch.revision, store.revision)
        return changes.compactMap { change in
            switch (watch.matches(change.before), watch.matches(change.after)) {
            case (false, true): change.after.map { event(.added, $0, watch) }
            case (true, true): change.after.map { event(.modified, $0, watch) }
            case (true, false): change.before.map { event(.deleted, $0, watch, revision: change.revision) }
            case (false, false): nil
            }
        }
    }

    /// A bookmark: the watch has sent everything up to this revision.
    package func bookmark(for watch: ModelWatch, endsInitialEvents: Bool = false) -> ModelEvent {
        var object: JSONValue = [
            "kind": .string(watch.type.resource.kind), "apiVersion": .string(watch.type.resource.apiVersion),
            "metadata": ["resourceVersion": .string(String(watch.revision))],
        ]
        if endsInitialEvents { object.set("true", at: "metadata", "annotations", "k8s.io/initial-events-end") }
        return ModelEvent(kind: .bookmark, object: object)
    }

    /// - Parameter revision: of the deletion, which is the last version of a deleted object.
    private func event(_ kind: ModelEvent.Kind, _ object: StoredObject, _ watch: ModelWatch, revision: Int? = nil)
        -> ModelEvent
    {
        var answer = object.answer
        if let revision { answer.set(.string(String(revision)), at: "metadata", "resourceVersion") }
        return ModelEvent(kind: kind, object: watch.isMetadataOnly ? answer.metadataOnly : answer)
    }
}

extension Refusal {
    fileprivate static let initialEventsWithoutMatch = Refusal(
        422, "Invalid",
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
            + "resourceVersionMatch to NotOlderThan",
        details: [
            "group": "meta.k8s.io", "kind": "ListOptions",
            "causes": [
                Cause.forbidden(
                    "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                ).json
            ],
        ])

    fileprivate static let watchProgressDisabled = Refusal(
        500, "InternalError",
        "a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled")
}
