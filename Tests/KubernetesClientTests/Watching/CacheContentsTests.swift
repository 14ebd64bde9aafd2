import TestSupport
import Testing

@testable import KubernetesClient

@Suite("What a cache holds")
struct CacheContentsTests {
    static func object(_ name: String, version: String, app: String? = nil, uid: String = "u") -> Settings {
        Settings(
            metadata: ObjectMetadata(
                name: name, uid: uid, resourceVersion: version, labels: app.map { ["app": $0] } ?? [:]))
    }

    static func key(_ name: String) -> NamespacedName { NamespacedName(name: name) }

    @Test("replacing reports keys that are new, gone, different, or name another object, and no others")
    func differences() {
        var contents = CacheContents<Settings>()
        for name in ["same", "changed", "gone", "reborn"] { contents.set(Self.object(name, version: "1")) }
        contents.gather(Self.object("same", version: "1"))
        contents.gather(Self.object("changed", version: "2"))
        contents.gather(Self.object("reborn", version: "1", uid: "u2"))
        contents.gather(Self.object("new", version: "3"))
        let changed = Set(contents.replace())
        #expect(changed == [Self.key("changed"), Self.key("gone"), Self.key("reborn"), Self.key("new")])
        #expect(contents.objects.count == 4)
        let again = contents.replace()
        #expect(again.count == 4)
        #expect(contents.objects.isEmpty)
    }

    @Test("what was gathered before an interrupted list is dropped")
    func brokenOff() {
        var contents = CacheContents<Settings>()
        contents.gather(Self.object("half", version: "1"))
        contents.beginGathering()
        contents.gather(Self.object("whole", version: "1"))
        _ = contents.replace()
        #expect(Array(contents.objects.keys) == [Self.key("whole")])
    }

    @Test("the index by labels agrees with a search, whatever happens", arguments: 1...10)
    func index(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var indexed = CacheContents<Settings>(indexedLabels: ["app"])
        var searched = CacheContents<Settings>()
        for turn in 0..<500 {
            let name = "n\(Int.random(in: 0..<20, using: &random))"
            let app = ["a", "b", nil].randomElement(using: &random) ?? nil
            let object = Self.object(name, version: "\(turn)", app: app)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                indexed.remove(Self.key(name))
                searched.remove(Self.key(name))
            case 1:
                indexed.gather(object)
                searched.gather(object)
                if Int.random(in: 0..<8, using: &random) == 0 {
                    _ = indexed.replace()
                    _ = searched.replace()
                }
            default:
                indexed.set(object)
                searched.set(object)
            }
            for value in ["a", "b"] {
                let found = indexed.keys(label: "app", value: value)
                let expected = searched.keys(label: "app", value: value)
                #expect(found == expected, "seed \(seed), turn \(turn)")
            }
        }
    }
}
