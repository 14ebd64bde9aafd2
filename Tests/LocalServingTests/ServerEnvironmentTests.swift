import Foundation
import ModelManifests
import Testing

@testable import LocalServing

@Suite("A server's environment and command line")
struct ServerEnvironmentTests {
    private func environment(_ env: [EnvironmentVariable], portNames: [String] = ["http"]) -> ServerEnvironment {
        let spec = InstanceSpec(
            id: "m-r-1", deployment: DeploymentKey(namespace: "n", name: "m"), revision: Revision(rawValue: "r"),
            number: 1,
            template: template(Runtime(command: ["x"], env: env), version: "7"), modelFolder: "/models/m",
            inherited: ["PATH": "/bin", "LANG": "C"], mark: "mark", createdAt: Date(timeIntervalSince1970: 0))
        let ports = Dictionary(uniqueKeysWithValues: portNames.enumerated().map { ($0.element, 20_000 + $0.offset) })
        return ServerEnvironment(spec: spec, modelFolder: "/models/m", portNames: portNames, ports: ports) { "<\($0)>" }
    }

    @Test("a variable can refer to earlier ones, and to its own inherited value")
    func order() throws {
        let variables = environment([
            EnvironmentVariable(name: "LATE", value: .literal("$(NEXT)")),
            EnvironmentVariable(name: "NEXT", value: .literal("1")),
            EnvironmentVariable(name: "PATH", value: .literal("/opt/bin:$(PATH)")),
            EnvironmentVariable(name: "SECRET", value: .secret("s")),
        ]).variables
        #expect(variables["LATE"] == "$(NEXT)")
        #expect(variables["PATH"] == "/opt/bin:/bin")
        #expect(variables["SECRET"] == "<s>")
    }

    @Test("a server inherits only those of the controller's variables that programs need")
    func inherited() {
        #expect(InstanceSpec.inheritedNames == ["PATH", "HOME", "LANG", "TMPDIR"])
        let own = ["PATH", "LANG", "PORT", "PORT_HTTP", "MLCTL_INSTANCE", "MODEL_NAME", "MODEL_VERSION", "MODEL_DIR"]
        #expect(Set(environment([]).variables.keys) == Set(own))
    }

    @Test("ports and the mark cannot be overridden; the model's variables can")
    func facts() throws {
        let variables = environment([
            EnvironmentVariable(name: "PORT", value: .literal("80")),
            EnvironmentVariable(name: "MLCTL_INSTANCE", value: .literal("other")),
            EnvironmentVariable(name: "MODEL_NAME", value: .literal("mine")),
        ]).variables
        #expect(variables["PORT"] == "20000")
        #expect(variables["MLCTL_INSTANCE"] == "mark")
        #expect(variables["MODEL_NAME"] == "mine")
        #expect(variables["MODEL_VERSION"] == "7")
        #expect(variables["MODEL_DIR"] == "/models/m")
    }

    @Test("PORT is the port http, or else the first; every port has its own variable")
    func ports() throws {
        let http = environment([], portNames: ["grpc-web", "http"]).variables
        #expect(http["PORT"] == "20001")
        #expect(http["PORT_GRPC_WEB"] == "20000")
        let first = environment([], portNames: ["rest", "grpc"]).variables
        #expect(first["PORT"] == "20000")
    }

    @Test("a command is looked up on PATH or in its folder, and refused with advice")
    func command() throws {
        let test = try TestState()
        let script = try test.writeFile("tools/server", "#!/bin/sh\n")
        let folder = "\(test.state.path)/tools"
        let environment = environment([EnvironmentVariable(name: "PATH", value: .literal("/nowhere:\(folder)"))])
        func find(_ words: [String], preset: String? = nil) throws -> ServerCommand {
            try ServerCommand(
                Runtime(name: preset, command: words, args: ["$(PORT)"]), environment: environment,
                workingFolder: folder, ownProgram: script)
        }
        let refusal = #expect(throws: LocalServingError.self) { try find(["server"]) }
        #expect(refusal?.message.contains("chmod +x") == true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script)
        #expect(try find(["server"]).program == script)
        #expect(try find(["./server"]).program == "\(folder)/./server")
        #expect(try find(["server"]).arguments == ["server", "20000"])
        // A fault that only the manifest can correct is final. Something that the machine lacks now is not.
        #expect(#expect(throws: LocalServingError.self) { try find([]) }?.retryClass == .terminal)
        for words in [["\(folder)/missing"], [folder], ["missing"]] {
            #expect(#expect(throws: LocalServingError.self) { try find(words) }?.retryClass == .waiting)
        }
        // The preset is this program, not another with its name.
        #expect(try find(["mlctl"], preset: "mlctl").program == script)
        #expect(throws: LocalServingError.self) { try find(["mlctl"]) }
    }
}
