import KubernetesClient
import Testing

@testable import KubernetesClient

@Suite("Keys that have changed")
struct ChangedKeysTests {
    static func key(_ number: Int) -> NamespacedName { NamespacedName(name: "n\(number)") }

    @Test("a key that changes often before it is read is delivered once, in order")
    func once() async {
        let keys = ChangedKeys()
        keys.add([Self.key(1), Self.key(2), Self.key(1)])
        keys.add([Self.key(1)])
        keys.end()
        var read: [NamespacedName] = []
        while let key = await keys.next() { read.append(key) }
        #expect(read == [Self.key(1), Self.key(2)])
    }

    @Test("after it was read it can change again")
    func again() async {
        let keys = ChangedKeys()
        keys.add([Self.key(1)])
        #expect(await keys.next() == Self.key(1))
        keys.add([Self.key(1)])
        #expect(await keys.next() == Self.key(1))
    }

    @Test("a waiting reader is woken, and a cancelled one returns")
    func wakes() async {
        let keys = ChangedKeys()
        async let first = keys.next()
        keys.add([Self.key(5)])
        #expect(await first == Self.key(5))
        let reader = Task { await keys.next() }
        reader.cancel()
        #expect(await reader.value == nil)
    }

    @Test("beyond the bound the oldest is dropped, and counted")
    func bound() async {
        let keys = ChangedKeys(maximum: 2)
        keys.add([Self.key(1), Self.key(2), Self.key(3)])
        #expect(keys.droppedCount == 1)
        #expect(await keys.next() == Self.key(2))
    }
}
