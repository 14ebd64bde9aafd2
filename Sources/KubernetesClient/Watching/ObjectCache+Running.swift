import Foundation
import Logging

/// The shell of `ListWatch`.
extension ObjectCache {
    private typealias Machine = ListWatch<SystemRandomNumberGenerator>

    /// Follows the server until its task is cancelled. Only one run at a time.
    package func run() async {
        var machine = Machine(settings, generator: SystemRandomNumberGenerator())
        let action = machine.start()
        await follow(&machine, from: action)
    }

    /// Follows the server from a list that was made already, without listing again.
    ///
    /// - Parameter version: of the list. The objects may be newer.
    package func run(after version: String, _ objects: [Object]) async {
        state.withLock { state in
            state.contents.beginGathering()
            for object in objects { state.contents.gather(object) }
        }
        var machine = Machine(settings, generator: SystemRandomNumberGenerator())
        let action = machine.start(after: version)
        await follow(&machine, from: action)
    }

    private func follow(_ machine: inout Machine, from beginning: Machine.Action) async {
        var action = beginning
        while !Task.isCancelled {
            switch action {
            case .ask(let request): action = await carryOut(request, &machine)
            case .replace(let request):
                replace()
                action = await carryOut(request, &machine)
            case .wait(let duration):
                do { try await stopwatch.sleep(duration) } catch { return }
                action = machine.waited()
            }
        }
    }

    private func carryOut(_ request: Machine.Request, _ machine: inout Machine) async -> Machine.Action {
        do {
            switch request {
            case .list(let token, let limit): return try await list(token, limit, &machine)
            case .stream(let timeout):
                state.withLock { $0.contents.beginGathering() }
                return try await follow(
                    .watch(
                        Object.resource, selection, resourceVersion: nil, timeout: timeout, sendsInitialEvents: true),
                    &machine)
            case .watch(let version, let timeout):
                return try await follow(
                    .watch(Object.resource, selection, resourceVersion: version, timeout: timeout), &machine)
            }
        } catch let error as APIError {
            let action = machine.failed(error)
            note(error, then: action)
            return action
        } catch {
            // Cancelled: the loop ends before it carries out this action.
            return .wait(.zero)
        }
    }

    private func list(_ token: String?, _ limit: Int, _ machine: inout Machine) async throws -> Machine.Action {
        if token == nil { state.withLock { $0.contents.beginGathering() } }
        let request = shaped(.list(Object.resource, selection, limit: limit, continuing: token))
        let body = try await api.answer(to: request)
        let page: ListPage<Object>
        do {
            page = try JSONDecoder().decode(ListPage<Object>.self, from: body)
        } catch {
            throw APIError(
                .malformed, message: "the list is not what the API promises: \(DecodingReason.text(error))",
                request: "GET \(request.path)")
        }
        heard()
        state.withLock { state in
            for object in page.objects { state.contents.gather(object) }
            for object in page.unreadable {
                state.contents.gather(unreadable: object.metadata, reason: object.reason)
            }
        }
        for object in page.unreadable { warn(object.metadata.key, object.reason) }
        return machine.received(pageOf: page.resourceVersion, continuing: page.continuing)
    }

    private func follow(_ request: APIRequest, _ machine: inout Machine) async throws -> Machine.Action {
        let request = shaped(request)
        let what = "GET \(request.path)"
        let began = stopwatch.elapsed()
        let lines = try await api.transport.lines(request, idleTimeout: Self.idleTimeout)
        heard()
        for try await line in lines {
            heard()
            let event = try WatchEvent<Object>(line: line, request: what)
            switch machine.received(event.outline) {
            case .gather: gather(event)
            case .apply: apply(event)
            case .replace: replace()
            case .ignore: break
            case .stop(let action):
                if case .error(let error) = event { note(error, then: action) }
                return action
            }
        }
        try Task.checkCancellation()
        return machine.watchEnded(after: stopwatch.elapsed() - began)
    }

    private func shaped(_ request: APIRequest) -> APIRequest { isMetadataOnly ? request.metadataOnly : request }

    private func gather(_ event: WatchEvent<Object>) {
        state.withLock { state in
            switch event {
            case .added(let object), .modified(let object): state.contents.gather(object)
            case .deleted(let metadata): state.contents.dropGathered(metadata.key)
            case .unreadable(let metadata, let reason): state.contents.gather(unreadable: metadata, reason: reason)
            case .bookmark, .error: break
            }
        }
        if case .unreadable(let metadata, let reason) = event { warn(metadata.key, reason) }
    }

    private func apply(_ event: WatchEvent<Object>) {
        let key: NamespacedName
        switch event {
        case .added(let object), .modified(let object):
            key = object.metadata.key
            state.withLock { $0.contents.set(object) }
        case .deleted(let metadata):
            key = metadata.key
            state.withLock { $0.contents.remove(key) }
        case .unreadable(let metadata, let reason):
            key = metadata.key
            state.withLock { $0.contents.mark(key, unreadable: reason) }
            warn(key, reason)
        case .bookmark, .error: return
        }
        tell([key])
    }

    private func replace() {
        let now = stopwatch.elapsed()
        let (changed, waiting) = state.withLock { state in
            let changed = state.contents.replace()
            state.freshness.syncedAt = state.freshness.syncedAt ?? now
            defer { state.awaitingSync = [:] }
            return (changed, Array(state.awaitingSync.values))
        }
        for continuation in waiting {
            continuation.yield(())
            continuation.finish()
        }
        tell(changed)
    }

    private func tell(_ keys: [NamespacedName]) {
        for reader in state.withLock({ Array($0.readers.values) }) { reader.add(keys) }
    }

    private func heard() {
        let now = stopwatch.elapsed()
        state.withLock { state in
            state.freshness.lastContactAt = now
            state.freshness.error = nil
        }
    }

    private func note(_ error: APIError, then action: Machine.Action) {
        // A retry with another kind of request, for example if the server has no initial events, is not an interruption.
        if case .ask = action {
            logger.debug("the API server is asked with another request", metadata: ["reason": "\(error)"])
            return
        }
        let isNew = state.withLock { state in
            defer { (state.freshness.error, state.toldError) = (error, error.message) }
            return state.toldError != error.message
        }
        // A failure that lasts is logged once as a warning, not at each retry.
        logger.log(
            level: isNew ? .warning : .debug,
            "following the API server was interrupted",
            metadata: ["kind": "\(Object.resource.kind)", "reason": "\(error)"])
    }

    private func warn(_ key: NamespacedName, _ reason: String) {
        logger.warning(
            "an object cannot be read",
            metadata: ["kind": "\(Object.resource.kind)", "object": "\(key)", "reason": "\(reason)"])
    }
}

extension WatchEvent {
    /// The parts of the event that the state machine needs.
    fileprivate var outline: ListWatch<SystemRandomNumberGenerator>.Event {
        switch self {
        case .added(let object), .modified(let object): .object(version: object.metadata.resourceVersion ?? "")
        case .deleted(let metadata), .unreadable(let metadata, _): .object(version: metadata.resourceVersion ?? "")
        case .bookmark(let version, let ends): .bookmark(version: version, endsInitialEvents: ends)
        case .error(let error): .error(error)
        }
    }
}
