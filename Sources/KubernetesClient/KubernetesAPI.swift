import Foundation
import Transport

/// The verbs of one API server. A value: copies share the transport.
package struct KubernetesAPI: Sendable {
    package static let fieldManager = "mlctl"
    package static let defaultTimeout: Duration = .seconds(30)
    /// Objects in one page of a list. Each page is in memory as a whole, and in several copies while it is read.
    package static let pageSize = 200

    package let transport: any KubernetesTransport
    /// The time limit of one attempt.
    package var timeout: Duration
    package var retries: RetryPolicy
    package var stopwatch: ClientClock

    package init(
        transport: any KubernetesTransport, timeout: Duration = KubernetesAPI.defaultTimeout,
        retries: RetryPolicy = RetryPolicy(), stopwatch: ClientClock = ClientClock()
    ) {
        self.transport = transport
        self.timeout = timeout
        self.retries = retries
        self.stopwatch = stopwatch
    }

    /// The same server, without retries and with `timeout` as the time limit.
    package func once(within timeout: Duration) -> KubernetesAPI {
        KubernetesAPI(transport: transport, timeout: timeout, retries: .never, stopwatch: stopwatch)
    }

    /// - Returns: nil if the object does not exist.
    package func get<Object: KubernetesObject>(_ type: Object.Type = Object.self, _ key: NamespacedName) async throws
        -> Object?
    {
        do {
            return try await decode(Object.self, .get(Object.resource, key))
        } catch let error as APIError where error.isNotFound && !error.isMissingResource {
            return nil
        }
    }

    /// All pages of a list, as of one moment. If the server has dropped that moment before the last page, the list starts again,
    /// once.
    package func list<Object: KubernetesObject>(
        _ type: Object.Type = Object.self, _ selection: APIRequest.Selection = .init()
    ) async throws -> ObjectList<Object> {
        let (items, metadata) = try await all(selection) { (object: Object) in object }
        return ObjectList(metadata: metadata, items: items)
    }

    /// Lists objects and keeps only what `keeping` makes of each. Whole objects are in memory one page at a time.
    ///
    /// - Returns: also the version of the list, from which a watch can continue.
    /// - Throws: `APIError`; `.malformed` if the list has no version.
    package func list<Object: KubernetesObject, Kept: Sendable>(
        _ type: Object.Type, _ selection: APIRequest.Selection = .init(), keeping: @Sendable (Object) -> Kept
    ) async throws -> (items: [Kept], version: String) {
        let (items, metadata) = try await all(selection, keeping)
        guard let version = metadata.resourceVersion, !version.isEmpty else {
            throw APIError(.malformed, message: "a list of \(Object.resource.plural) without a resourceVersion")
        }
        return (items, version)
    }

    private func all<Object: KubernetesObject, Kept: Sendable>(
        _ selection: APIRequest.Selection, _ keeping: @Sendable (Object) -> Kept
    ) async throws -> (items: [Kept], metadata: ObjectList<Object>.Metadata) {
        do {
            return try await pages(selection, keeping)
        } catch let error as APIError where error.isExpired {
            return try await pages(selection, keeping)
        }
    }

    private func pages<Object: KubernetesObject, Kept: Sendable>(
        _ selection: APIRequest.Selection, _ keeping: @Sendable (Object) -> Kept
    ) async throws -> (items: [Kept], metadata: ObjectList<Object>.Metadata) {
        var items: [Kept] = []
        var metadata = ObjectList<Object>.Metadata()
        var next: String?
        repeat {
            let page = try await decode(
                ObjectList<Object>.self,
                .list(Object.resource, selection, limit: Self.pageSize, continuing: next))
            items += page.items.map(keeping)
            metadata = page.metadata
            next = page.metadata.continue.flatMap { $0.isEmpty ? nil : $0 }
        } while next != nil
        return (items, metadata)
    }

    /// Server-side apply.
    /// - Parameter body: JSON with `apiVersion`, `kind`, `metadata.name` and the fields to own.
    /// - Returns: the object's new metadata.
    @discardableResult
    package func apply(
        _ type: ResourceType, _ key: NamespacedName, body: Data, force: Bool = true, subresource: String? = nil
    ) async throws -> ObjectMetadata {
        try await metadata(
            answering: .apply(
                type, key, body: body, fieldManager: Self.fieldManager, force: force, subresource: subresource))
    }

    @discardableResult
    package func create(_ type: ResourceType, namespace: String?, body: Data) async throws -> ObjectMetadata {
        try await metadata(answering: .create(type, namespace: namespace, body: body, fieldManager: Self.fieldManager))
    }

    /// A compare-and-swap if `body` has the `resourceVersion` that was read.
    @discardableResult
    package func replace(
        _ type: ResourceType, _ key: NamespacedName, body: Data, subresource: String? = nil
    ) async throws -> ObjectMetadata {
        try await metadata(
            answering: .replace(type, key, body: body, fieldManager: Self.fieldManager, subresource: subresource))
    }

    @discardableResult
    package func merge(
        _ type: ResourceType, _ key: NamespacedName, body: Data, subresource: String? = nil
    ) async throws -> ObjectMetadata {
        try await metadata(
            answering: .merge(type, key, body: body, fieldManager: Self.fieldManager, subresource: subresource))
    }

    /// Deletes an object. One that does not exist counts as deleted.
    package func delete(
        _ type: ResourceType, _ key: NamespacedName, uid: String? = nil,
        propagation: APIRequest.DeletionPropagation = .background, graceSeconds: Int? = nil
    ) async throws {
        do {
            _ = try await answer(
                to: .delete(type, key, uid: uid, propagation: propagation, graceSeconds: graceSeconds))
        } catch let error as APIError where error.isNotFound {
            return
        }
    }

    /// Returns the body of a 2xx answer. Transient errors are retried as `retries` allows.
    /// - Throws: `APIError`, or the `CancellationError` of the caller's task.
    package func answer(to request: APIRequest) async throws -> Data {
        let start = stopwatch.elapsed()
        var generator = SystemRandomNumberGenerator()
        var attempt = 1
        while true {
            do {
                return try await attemptAnswer(to: request)
            } catch let error as APIError {
                let wait = retries.wait(
                    after: error, to: request, attempt: attempt, elapsed: stopwatch.elapsed() - start,
                    using: &generator)
                guard let wait else { throw error }
                try await stopwatch.sleep(wait)
                attempt += 1
            }
        }
    }

    private func attemptAnswer(to request: APIRequest) async throws -> Data {
        let response = try await transport.send(request, timeout: timeout)
        guard (200..<300).contains(response.code) else {
            throw APIError.answer(
                code: response.code, body: response.body, request: request,
                retryAfterSeconds: response.retryAfterSeconds)
        }
        return response.body
    }

    private func metadata(answering request: APIRequest) async throws -> ObjectMetadata {
        try await decode(MetadataOnly.self, request).metadata
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ request: APIRequest) async throws -> Value {
        let body = try await answer(to: request)
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw APIError(
                .malformed, message: "the answer is not what the API promises: \(error)",
                request: "\(request.method.rawValue) \(request.path)")
        }
    }
}

private struct MetadataOnly: Decodable {
    var metadata: ObjectMetadata
}

/// Carries requests to one API server.
package protocol KubernetesTransport: Sendable {
    /// Sends one request. Returns the answer whatever its status code.
    /// - Throws: `APIError` if there was no answer, or the `CancellationError` of the caller's task.
    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse
    /// The lines of an answer as they arrive, until the server ends it. One reader; the connection is closed when the reader
    /// leaves.
    /// - Parameter idleTimeout: the longest wait for the next line.
    /// - Throws: `APIError`, also for a status code other than 2xx.
    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error>
}

package struct APIResponse: Hashable, Sendable {
    package var code: Int
    package var body: Data
    /// From the `Retry-After` header.
    package var retryAfterSeconds: Int?
    /// The text of the `Date` header: the time by the server's clock.
    package var date: String?

    package init(code: Int, body: Data, retryAfterSeconds: Int? = nil, date: String? = nil) {
        self.code = code
        self.body = body
        self.retryAfterSeconds = retryAfterSeconds
        self.date = date
    }
}
