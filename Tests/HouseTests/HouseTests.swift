import Foundation
import Testing

/// House rules that a program can check. They must agree with ARCHITECTURE.md.
@Suite("House rules")
struct HouseTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The modules that each module may import. A module that is not listed may import none.
    static let arrows: [String: Set<String>] = [
        "SafeText": [],
        "JSON": ["SafeText"],
        "HTTP1": ["SafeText"],
        "Transport": [],
        "ModelManifests": ["SafeText", "JSON"],
        "Analysis": ["ModelManifests", "Serving"],
        "Serving": ["SafeText", "JSON", "ModelManifests"],
        "Rollouts": ["SafeText", "ModelManifests", "Analysis", "Serving"],
        "ControlPorts": ["Transport", "ModelManifests", "Analysis", "Serving", "Rollouts"],
        "Presentation": [
            "SafeText", "JSON", "Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts",
        ],
        "Demo": [
            "Transport", "ModelManifests", "Rollouts", "ControlPorts", "LocalServing", "ControlAPI", "Presentation",
        ],
        "GitSource": ["SafeText", "Transport", "ModelManifests", "CLinuxProcess"],
        "SecretFiles": [],
        "ModelStorage": ["SafeText", "Transport", "CCurl", "CZlib", "CLinuxProcess"],
        "LocalServing": [
            "SafeText", "JSON", "HTTP1", "Transport", "SecretFiles", "ModelManifests", "Serving", "ModelStorage",
            "CLinuxProcess",
        ],
        "TrafficProxy": ["SafeText", "JSON", "HTTP1", "Transport", "ModelManifests", "Serving", "CZlib"],
        "KubernetesClient": ["SafeText", "JSON", "Transport"],
        "KubernetesServing": [
            "SafeText", "JSON", "Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts",
            "KubernetesClient",
        ],
        "MetricSources": [
            "SafeText", "JSON", "Transport", "SecretFiles", "ModelManifests", "Analysis", "Serving", "Rollouts",
            "ControlPorts",
            "CLinuxProcess",
        ],
        "Notifications": ["SafeText", "Transport", "ModelManifests", "Rollouts", "Serving", "ControlPorts"],
        "Journal": ["Transport", "ModelManifests", "Rollouts", "Serving", "ControlPorts"],
        "ControllerRuntime": ["Transport"],
        "Controller": [
            "SafeText", "Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts",
            "ControllerRuntime",
        ],
        "ControlAPI": [
            "SafeText", "JSON", "Transport", "ModelManifests", "Rollouts", "Serving", "ControlPorts", "Dashboard",
        ],
        "Dashboard": [
            "SafeText", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts", "Presentation",
        ],
        "InferenceServer": ["SafeText"],
    ]
    static let pure = [
        "SafeText", "JSON", "HTTP1", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts", "Dashboard",
    ]

    static func sources(of module: String) throws -> [(path: String, text: String)] {
        let folder = root.appending(path: "Sources/\(module)")
        let walk = FileManager.default.enumerator(atPath: folder.path(percentEncoded: false))
        var files: [(String, String)] = []
        for case let name as String in walk ?? FileManager.DirectoryEnumerator() where name.hasSuffix(".swift") {
            files.append(("\(module)/\(name)", try String(contentsOf: folder.appending(path: name), encoding: .utf8)))
        }
        return files
    }

    static func imports(in text: String) -> [String] {
        text.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index <= 2, words.count > index + 1 else { return nil }
            guard !line.hasPrefix(" "), !line.hasPrefix("//") else { return nil }
            let named = String(words.last ?? "")
            return named.split(separator: ".").first.map { String($0) }
        }
    }

    @Test("modules import only what their layer allows", arguments: arrows.keys.sorted())
    func importArrows(module: String) throws {
        let ours = Set(Self.arrows.keys).union(["Commands", "CCurl", "CLinuxProcess", "CZlib"])
        let files = try Self.sources(of: module)
        #expect(!files.isEmpty)
        for file in files {
            for name in Self.imports(in: file.text) where ours.contains(name) {
                #expect(Self.arrows[module]?.contains(name) == true, "\(file.path) must not import \(name)")
            }
        }
    }

    @Test("pure modules have no clock, no random number, no input and no output", arguments: pure)
    func purity(module: String) throws {
        let forbidden = [
            "Date()", "Clock.now", ".random(in", "SystemRandom", "FileManager", "FileHandle", "ProcessInfo", "print(",
            "Task {", "contentsOf",
        ]
        for file in try Self.sources(of: module) {
            for word in forbidden { #expect(!file.text.contains(word), "\(file.path) holds \(word)") }
            for name in Self.imports(in: file.text) {
                #expect(!name.hasPrefix("NIO") && name != "Glibc", "\(file.path) imports \(name)")
            }
        }
    }

    @Test("every module has tests that mirror it")
    func mirroredTests() {
        for module in Self.arrows.keys {
            let path = Self.root.appending(path: "Tests/\(module)Tests").path(percentEncoded: false)
            #expect(FileManager.default.fileExists(atPath: path), "\(module) has no tests")
        }
    }

    @Test("nothing traps on input, and no module is a collection of unrelated helpers")
    func habits() throws {
        let modules = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appending(path: "Sources").path(percentEncoded: false))
        for name in ["Utilities", "Common", "Helpers", "Models", "Core"] { #expect(!modules.contains(name)) }
        for module in modules {
            for file in try Self.sources(of: module) {
                for word in ["try!", "fatalError(", "TODO", "FIXME"] {
                    #expect(!file.text.contains(word), "\(file.path) holds \(word)")
                }
            }
        }
    }
}
