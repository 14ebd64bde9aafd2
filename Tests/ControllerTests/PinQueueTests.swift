import ControlPorts
import ModelManifests
import Testing

@testable import Controller

@Suite("Pinning model files")
struct PinQueueTests {
    private func model(_ uri: String) -> ModelSource { ModelSource(version: "1", storageURI: uri) }
    private func key(_ number: Int) -> DeploymentKey { DeploymentKey(namespace: "test", name: "m-\(number)") }

    @Test("starts in the order of the requests, once per deployment, and again only when it has ended")
    func order() {
        var queue = PinQueue()
        for number in 0..<3 { #expect(queue.want(model("https://a/\(number)"), for: key(number)) == nil) }
        #expect(queue.want(model("https://a/1"), for: key(1)) == nil)
        let begun = queue.begin()
        #expect(begun.map(\.deployment) == [key(0), key(1), key(2)])
        #expect(queue.begin() == [])
        #expect(queue.isPinning(key(0)))
        #expect(queue.ended(begun[0].number) == true)
        #expect(!queue.isPinning(key(0)))
        #expect(queue.want(model("https://a/0"), for: key(0)) == nil)
        #expect(queue.begin().map(\.deployment) == [key(0)])
    }

    @Test("of another model replaces the previous one, whose result is ignored")
    func replaced() {
        var queue = PinQueue()
        _ = queue.want(model("https://a/1"), for: key(1))
        let first = queue.begin()[0]
        #expect(queue.want(model("https://b/2"), for: key(1)) == first.number)
        let second = queue.begin()
        #expect(second.map(\.model.storageURI) == ["https://b/2"])
        #expect(queue.ended(first.number) == false)
        #expect(queue.isPinning(key(1)))
        #expect(queue.want(nil, for: key(1)) == second[0].number)
        #expect(queue.ended(second[0].number) == false)
    }

    @Test("from one hanging origin leaves room for others, and the total is limited")
    func limits() {
        var queue = PinQueue()
        for number in 0..<100 { _ = queue.want(model("https://dead/\(number)"), for: key(number)) }
        _ = queue.want(model("https://good/1"), for: key(100))
        let begun = queue.begin()
        #expect(begun.count { $0.model.storageURI?.hasPrefix("https://dead") == true } == PinQueue.perOrigin)
        #expect(begun.contains { $0.deployment == key(100) })
        for number in 200..<300 { _ = queue.want(model("https://h\(number)/1"), for: key(number)) }
        #expect(queue.begin().count == PinQueue.limit - PinQueue.perOrigin - 1)
        #expect(queue.ended(begun[0].number) == true)
        #expect(queue.begin().map(\.deployment) == [key(PinQueue.perOrigin)])
    }

    @Test("that took too long is no longer awaited, but keeps its slot until it ends")
    func gaveUp() {
        var queue = PinQueue()
        for number in 0...PinQueue.perOrigin { _ = queue.want(model("https://dead/\(number)"), for: key(number)) }
        let begun = queue.begin()
        #expect(queue.gaveUp(begun[0].number) == true)
        #expect(queue.gaveUp(begun[0].number) == false)
        #expect(!queue.isPinning(key(0)))
        #expect(queue.begin() == [])
        #expect(queue.ended(begun[0].number) == false)
        #expect(queue.begin().map(\.deployment) == [key(PinQueue.perOrigin)])
    }

    @Test(
        "groups models by scheme and host, and files by the first two folders",
        arguments: [
            ("https://models.example.com/a/b", "https:/models.example.com"), ("s3://bucket/a", "s3:/bucket"),
            ("file:///mnt/nfs/models/a", "file:/mnt/nfs"), ("/mnt/nfs/models/a", "mnt/nfs/models"),
        ])
    func origins(uri: String, origin: String) { #expect(PinQueue.origin(model(uri)) == origin) }
}
