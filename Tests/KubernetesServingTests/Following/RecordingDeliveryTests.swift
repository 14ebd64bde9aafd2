import Foundation
import Logging
import ModelManifests
import Serving
import Synchronization
import Testing

@testable import KubernetesServing

@Suite("Recorded requests on their way to a proxy", .timeLimit(.minutes(10)))
struct RecordingDeliveryTests {
    private struct Missing: Error {}

    private static func route(judged: [Upstream], isJudging: Bool = true) -> ProxyRoute {
        var route = ProxyRoute(
            deployment: Sample.key, port: 10_001,
            revisions: [
                RevisionRoute(
                    revision: Sample.one, weight: isJudging ? 90 : 100,
                    upstreams: [Upstream(instance: "a", host: "10.0.0.1", port: 8080)])
            ])
        guard isJudging else { return route }
        route.revisions.append(RevisionRoute(revision: Sample.two, weight: 10, upstreams: judged))
        route.generate = SyntheticRoute(ratePerSecond: 5, file: "recorded.jsonl", path: "/p")
        return route
    }

    private static let pod = Upstream(instance: "b", host: "10.0.0.2", port: 8080)

    private func withDelivery(
        _ fetch: @escaping RecordingDelivery.Fetch,
        _ body: (AsyncStream<[ProxyRoute]>.Continuation, inout AsyncStream<[ProxyRoute]>.Iterator, URL) async throws
            -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-recordings-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (changes, change) = AsyncStream.makeStream(of: [ProxyRoute].self)
        let (delivered, deliver) = AsyncStream.makeStream(of: [ProxyRoute].self)
        let delivery = RecordingDelivery(
            folder: folder, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            pause: { await Task.yield() },
            fetch: fetch)
        let running = Task { await delivery.run(changes, deliver) }
        defer { running.cancel() }
        var routes = delivered.makeAsyncIterator()
        try await body(change, &routes, folder)
        change.finish()
    }

    @Test("a route is followed at once, then with its file once that arrives, and the file goes with the candidate")
    func delivers() async throws {
        let asked = Mutex<[String]>([])
        try await withDelivery { url, _ in
            asked.withLock { $0.append(url) }
            return Array("{}\n".utf8)
        } _: { change, routes, folder in
            change.yield([Self.route(judged: [Self.pod])])
            #expect(await routes.next()?.first?.generate == nil)
            let generate = try #require(await routes.next()?.first?.generate)
            let file = folder.appending(path: "payments.fraud.2222222222.jsonl").path(percentEncoded: false)
            #expect(generate == SyntheticRoute(ratePerSecond: 5, file: file, path: "/p"))
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "{}\n")
            #expect(asked.withLock { $0 } == ["http://10.0.0.2:9902/recordings"])
            // Another pod of the candidate changes nothing.
            change.yield([Self.route(judged: [Self.pod, Upstream(instance: "c", host: "10.0.0.3", port: 8080)])])
            #expect(await routes.next()?.first?.generate?.file == file)
            #expect(asked.withLock { $0.count } == 1)
            change.yield([Self.route(judged: [], isJudging: false)])
            #expect(await routes.next()?.first?.generate == nil)
            #expect(!FileManager.default.fileExists(atPath: file))
        }
    }

    @Test("a file that cannot be fetched is named, so that the proxy reports it, and retried until it arrives")
    func retries() async throws {
        let attempts = Mutex(0)
        try await withDelivery { _, _ in
            let attempt = attempts.withLock { count in
                count += 1
                return count
            }
            guard attempt > 3 else { throw Missing() }
            return Array("{}\n".utf8)
        } _: { change, routes, _ in
            change.yield([Self.route(judged: [Self.pod])])
            #expect(await routes.next()?.first?.generate == nil)
            let named = try #require(await routes.next()?.first?.generate)
            let there = try #require(await routes.next()?.first?.generate)
            #expect(named == there)
            #expect(FileManager.default.fileExists(atPath: there.file))
            #expect(attempts.withLock { $0 } == 4)
        }
    }

    @Test("while the candidate has no pods, nobody is asked")
    func waits() async throws {
        try await withDelivery { _, _ in
            throw Missing()
        } _: { change, routes, _ in
            change.yield([Self.route(judged: [])])
            let followed = try #require(await routes.next())
            #expect(followed.first?.generate == nil)
            #expect(followed.first?.revisions.map(\.weight) == [90, 10])
        }
    }
}
