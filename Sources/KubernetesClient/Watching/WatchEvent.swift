import Foundation
import JSON

/// One line of a watch.
enum WatchEvent<Object: KubernetesObject>: Sendable {
    case added(Object)
    case modified(Object)
    case deleted(ObjectMetadata)
    /// An object that does not match its type. The watch continues.
    case unreadable(ObjectMetadata, reason: String)
    /// - Parameter endsInitialEvents: all objects that existed at the start have been sent.
    case bookmark(resourceVersion: String, endsInitialEvents: Bool)
    case error(APIError)

    private static var initialEventsEnd: String { "k8s.io/initial-events-end" }

    /// - Throws: `APIError(.malformed)` if the line is not an event.
    init(line: Data, request: String) throws {
        do {
            let read = try JSONDecoder().decode(WatchLine<Object>.self, from: line)
            switch read.event {
            case .some(let event): self = event
            case .none:
                self = .error(.event(try Self.statusBody(line), request: request))
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError(
                .malformed, message: "a line of the watch is not an event: \(DecodingReason.text(error))",
                request: request)
        }
    }

    private static func statusBody(_ line: Data) throws -> Data {
        Data(CanonicalJSON.text(try JSONValue(parsing: line)["object"] ?? .object([:])).utf8)
    }

    fileprivate static func bookmark(_ metadata: ObjectMetadata) -> WatchEvent {
        .bookmark(
            resourceVersion: metadata.resourceVersion ?? "",
            endsInitialEvents: metadata.annotations[initialEventsEnd] == "true")
    }
}

private struct WatchLine<Object: KubernetesObject>: Decodable {
    /// Nil for an error, whose object is a `Status`.
    var event: WatchEvent<Object>?

    private enum CodingKeys: String, CodingKey { case type, object }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let type = try fields.decode(String.self, forKey: .type)
        func metadata() throws -> ObjectMetadata { try fields.decode(AnyObjectMetadata.self, forKey: .object).metadata }
        switch type {
        case "ADDED", "MODIFIED":
            do {
                let object = try fields.decode(Object.self, forKey: .object)
                event = type == "ADDED" ? .added(object) : .modified(object)
            } catch {
                event = .unreadable(try metadata(), reason: DecodingReason.text(error))
            }
        case "DELETED": event = .deleted(try metadata())
        case "BOOKMARK": event = .bookmark(try metadata())
        case "ERROR": event = nil
        default:
            throw DecodingError.dataCorruptedError(forKey: .type, in: fields, debugDescription: "unknown type")
        }
    }
}

/// A page of a list. Objects that cannot be read are kept apart with the reason.
struct ListPage<Object: KubernetesObject>: Decodable, Sendable {
    var resourceVersion: String
    var continuing: String?
    var objects: [Object] = []
    var unreadable: [(metadata: ObjectMetadata, reason: String)] = []

    private enum CodingKeys: String, CodingKey { case metadata, items }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let metadata = try fields.decode(ObjectList<Object>.Metadata.self, forKey: .metadata)
        resourceVersion = metadata.resourceVersion ?? ""
        continuing = metadata.continue.flatMap { $0.isEmpty ? nil : $0 }
        for item in try fields.decodeIfPresent([Item<Object>].self, forKey: .items) ?? [] {
            switch item {
            case .object(let object): objects.append(object)
            case .unreadable(let metadata, let reason): unreadable.append((metadata, reason))
            }
        }
    }
}

private enum Item<Object: KubernetesObject>: Decodable {
    case object(Object)
    case unreadable(ObjectMetadata, reason: String)

    init(from decoder: any Decoder) throws {
        do {
            self = .object(try Object(from: decoder))
        } catch {
            self = .unreadable(try AnyObjectMetadata(from: decoder).metadata, reason: DecodingReason.text(error))
        }
    }
}

private struct AnyObjectMetadata: Decodable {
    var metadata: ObjectMetadata
}

/// Names the field that could not be read, without its value.
enum DecodingReason {
    static func text(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context): "it lacks \(path(context.codingPath + [key]))"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "\(path(context.codingPath)) has the wrong type or format"
        default: "it is not JSON"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.isEmpty ? "it" : keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
}
