import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

extension RecordSeal {
    static let sample = random()
}

extension RecordKey {
    /// The same for all controllers of the tests.
    static let sample = RecordKey(RecordSeal.sample)
}

@Suite("The seal of a controller")
struct RecordSealTests {
    private static let key = DeploymentKey(namespace: "payments", name: "fraud")
    private static let map = NamespacedName(namespace: "payments", name: "fraud-route")

    @Test("does not fit another place, another object or use, or another key")
    func bound() throws {
        let seal = RecordSeal.random()
        let record = SealedContent.record(Self.key, uid: "u1", version: 7, state: "{}")
        let text = seal.seal(record)
        #expect(seal.isSealed(record, by: text))
        let others: [SealedContent] = [
            .record(DeploymentKey(namespace: "other", name: "fraud"), uid: "u1", version: 7, state: "{}"),
            .record(DeploymentKey(namespace: "payments", name: "frau"), uid: "u1", version: 7, state: "{}"),
            .record(DeploymentKey(namespace: "payments/fraud", name: ""), uid: "u1", version: 7, state: "{}"),
            .record(Self.key, uid: "u2", version: 7, state: "{}"),
            .record(Self.key, uid: "u1", version: 8, state: "{}"),
            .record(Self.key, uid: "u1", version: 7, state: "{} "),
            .keptRecord(Self.key, status: "{}"), .route(map: Self.map, "{}"),
        ]
        for other in others { #expect(!seal.isSealed(other, by: text), "\(other)") }
        #expect(!RecordSeal.random().isSealed(record, by: text))
        for wrong in [nil, "", "no base64", String(text.reversed()), Data(count: 64).base64EncodedString()] {
            #expect(!seal.isSealed(record, by: wrong), "\(wrong ?? "none")")
        }
    }

    @Test("fits a kept record of one deployment, or a route of one ConfigMap, each in its namespace")
    func places() {
        let seal = RecordSeal.random()
        let (kept, route) = (SealedContent.keptRecord(Self.key, status: "{}"), SealedContent.route(map: Self.map, "{}"))
        let (keptSeal, routeSeal) = (seal.seal(kept), seal.seal(route))
        #expect(seal.isSealed(kept, by: keptSeal) && seal.isSealed(route, by: routeSeal))
        for (namespace, name) in [("other", "fraud"), ("payments", "other")] {
            let key = DeploymentKey(namespace: namespace, name: name)
            #expect(!seal.isSealed(.keptRecord(key, status: "{}"), by: keptSeal), "\(key)")
            let map = NamespacedName(namespace: namespace, name: "\(name)-route")
            #expect(!seal.isSealed(.route(map: map, "{}"), by: routeSeal), "\(map)")
        }
        #expect(!seal.isSealed(.keptRecord(Self.key, status: "{} "), by: keptSeal))
        #expect(!seal.isSealed(.route(map: Self.map, "{} "), by: routeSeal))
    }

    @Test("is the same for the same contents: nothing is written twice")
    func same() {
        let writing = SealedContent.route(map: Self.map, "text")
        #expect(RecordSeal.sample.seal(writing) == RecordSeal.sample.seal(writing))
    }

    @Test("is verified with the public key alone")
    func publicHalf() throws {
        let seal = RecordSeal.random()
        let check = try #require(SealCheck(publicKey: seal.publicKey))
        let writing = SealedContent.route(map: Self.map, "text")
        #expect(check.isSealed(writing, by: seal.seal(writing)))
        #expect(!check.isSealed(.route(map: Self.map, "texts"), by: seal.seal(writing)))
        #expect(seal.publicKey != seal.bytes.base64EncodedString())
        for wrong in ["", "abc", Data(count: 31).base64EncodedString()] { #expect(SealCheck(publicKey: wrong) == nil) }
    }
}

@Suite("The key that seals records")
struct RecordKeyTests {
    private static let name = NamespacedName(namespace: "mlctl", name: "prod-record-key")

    private func model() -> ModelTransport {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        return ModelTransport(APIServerModel(namespaces: ["mlctl"], now: now)) { now }
    }

    private func key(_ transport: ModelTransport) -> RecordKey {
        RecordKey(
            KubernetesAPI(transport: transport), in: "mlctl", controller: "prod",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test("is created once in the controller's namespace, and later controllers use the same")
    func made() async throws {
        let transport = model()
        let first = key(transport)
        let seal = try await first.seal()
        #expect(try await first.seal().bytes == seal.bytes)
        #expect(await transport.log.count == 2, "asked for once, and made once")
        #expect(try await key(transport).seal().bytes == seal.bytes)
        let secret = await transport.model.object(.secrets, Self.name)
        #expect(secret?.value(at: "data", "key")?.asString == seal.bytes.base64EncodedString())
        #expect(secret?.value(at: "type")?.asString == "Opaque")
    }

    @Test("if two controllers create it at the same moment, both use the first one")
    func race() async throws {
        let transport = model()
        let keys = (0..<8).map { _ in key(transport) }
        let seals = try await withThrowingTaskGroup(of: Data.self) { group in
            for key in keys { group.addTask { try await key.seal().bytes } }
            return try await group.reduce(into: Set<Data>()) { $0.insert($1) }
        }
        #expect(seals.count == 1)
    }

    @Test("never replaces a Secret that holds something else, and the error says what to do")
    func spoiled() async throws {
        let transport = model()
        _ = try await key(transport).seal()
        try await KubernetesAPI(transport: transport).delete(.secrets, Self.name)
        let body: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "prod-record-key", "namespace": "mlctl"],
            "data": ["key": .string(Data(count: 16).base64EncodedString())],
        ]
        try await KubernetesAPI(transport: transport).create(.secrets, namespace: "mlctl", body: body.jsonData)
        await #expect {
            _ = try await key(transport).seal()
        } throws: { error in
            (error as? ClusterServingError)?.message.contains("--adopt-records") == true
        }
        let secret = await transport.model.object(.secrets, Self.name)
        #expect(secret?.value(at: "data", "key")?.asString == Data(count: 16).base64EncodedString())
    }
}
