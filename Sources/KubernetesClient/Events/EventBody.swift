import Foundation
import Transport

/// The JSON of a new Event.
struct EventBody: Encodable {
    struct Metadata: Encodable {
        var name: String
        var namespace: String
    }

    var apiVersion = ResourceType.events.apiVersion
    var kind = ResourceType.events.kind
    var metadata: Metadata
    var eventTime: String
    var reportingController: String
    var reportingInstance: String
    var action: String
    var reason: String
    var regarding: KubernetesEvent.Reference
    var note: String
    var type: String

    init(_ event: KubernetesEvent, name: String, controller: String, instance: String, at now: Date) {
        metadata = Metadata(name: name, namespace: event.regarding.namespace ?? "default")
        eventTime = RFC3339.microText(now)
        reportingController = controller
        reportingInstance = instance
        action = event.action
        reason = event.reason
        regarding = event.regarding
        note = event.note
        type = event.kind.rawValue
    }

    var json: Data { get throws { try JSONEncoder().encode(self) } }
}

/// A merge patch that says that an event happened again.
struct EventCount: Encodable {
    struct Series: Encodable {
        var count: Int
        var lastObservedTime: String
    }

    var series: Series

    init(count: Int, at: Date) { series = Series(count: count, lastObservedTime: RFC3339.microText(at)) }

    var json: Data { get throws { try JSONEncoder().encode(self) } }
}
