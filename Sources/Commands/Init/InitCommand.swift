import ArgumentParser
import ControlAPI
import ControlPorts
import Demo
import Foundation
import LocalServing
import ModelManifests
import Presentation
import SafeText

/// `mlctl init`: from a model's files to a model that serves.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a repository with a first manifest, start a controller, and serve the model.",
        discussion: """
            Writes a git repository with a manifest, a CI workflow and a README, commits it, starts a controller for it in the \
            background, and waits until the first version serves. At a terminal it asks for what no flag says. Without a model it \
            serves a small example. It changes no file that exists.

            Examples:
              mlctl init                                                asks
              mlctl init fraud --model ./fraud.joblib                   a scikit-learn model behind MLServer
              mlctl init fraud --model s3://models/fraud/v1/ --runtime mlserver --name fraud-scorer -n payments
              mlctl init fraud --model ./fraud.joblib --no-start        only the repository
            """)

    private static let healthLimit: Duration = .seconds(150)
    private static let usualPorts = 9000...9099

    @Argument(help: "The folder of the repository.") var folder = "models"
    @Option(help: "The model: a file, a folder, or an address such as s3://bucket/model/. (default: a small example)")
    var model: String?
    @Option(help: "The deployment's name. (default: from the model's name)") var name: String?
    @Option(name: .shortAndLong, help: "The deployment's namespace.") var namespace = "default"
    @Option(name: .customLong("model-version"), help: "The version, as people know it.") var version = "1"
    @Option(help: "The preset that serves it: mlserver, vllm, bentoml or mlctl. (default: from the files)")
    var runtime: String?
    @Option(help: "The port at which the model answers. (default: the first free one from 9000)") var port: Int?
    @Option(help: "The CI system that gets a workflow: github, gitlab or none.")
    var ci: FirstRepository.ContinuousIntegration = .github
    @OptionGroup var state: StateOption
    @Option(help: "The address of the controller's API. (default: 127.0.0.1:8090, or a free port)")
    var listen: String?
    @Flag(name: .customLong("no-start"), help: "Write the repository, and start nothing.") var startsNothing = false
    @Flag(name: .customLong("no-input"), help: "Ask nothing, also at a terminal.") var asksNothing = false

    func validate() throws {
        guard port.map((1024...65_535).contains) ?? true else {
            throw ValidationError("--port must be from 1024 to 65535")
        }
        guard NameRules.isDNSLabel(namespace) else {
            throw ValidationError("--namespace: '\(namespace)' must be lower-case letters, digits and '-'")
        }
    }

    func run() async throws {
        let choice = try InitAnswers(model: model, name: name, runtime: runtime, ask: ask).choice()
        let place = ModelRepositoryFolder(url: URL(fileURLWithPath: folder).standardizedFileURL)
        let controller = BackgroundController(state: state.url)
        try requireStart(choice.server, controller)
        try requireFreePorts()
        let branch = try await place.branch()
        let example = choice.storageURI == nil ? Self.example : [:]
        let repository = FirstRepository(
            name: choice.name, namespace: namespace, version: version,
            storageURI: choice.storageURI
                ?? URL(
                    filePath: place.url.appending(path: "example/1").path(percentEncoded: false),
                    directoryHint: .notDirectory
                )
                .absoluteString,
            server: choice.server, port: try port ?? freePort(), integration: ci, branch: branch)
        try requireValid(repository)
        let files = repository.files.merging(example) { $1 }
        try place.requireRoom(for: files.keys)
        let commit = try await place.commit(files, message: "Serve \(choice.name), version \(version)")
        say(
            "wrote \(place.url.path(percentEncoded: false)), commit \(commit.prefix(7)): \(files.keys.sorted().joined(separator: ", "))"
        )
        guard !startsNothing else {
            let branchFlag = branch == FirstRepository.usualBranch ? [] : ["--branch", branch]
            let more = (listen.map { ["--listen", $0] } ?? []) + (state.directory.map { ["--state-dir", $0] } ?? [])
            say(
                "start a controller for it: "
                    + ShellWords.line(
                        ["mlctl", "run", "--repo", folder, "--path", FirstRepository.manifestFolder] + branchFlag + more
                    ))
            return
        }
        try await serve(repository, in: place, with: controller, isExample: !example.isEmpty)
    }

    private func serve(
        _ repository: FirstRepository, in place: ModelRepositoryFolder, with controller: BackgroundController,
        isExample: Bool
    ) async throws {
        let pid = try controller.start(repo: place.url, branch: repository.branch, listen: listen ?? freeListen)
        let client = try await controller.connect(pid: pid)
        let api = controller.running.map { " at \($0.api)" } ?? ""
        say("a controller runs\(api) (process \(pid)); its log is \(controller.logPath)")
        let key = DeploymentKey(namespace: namespace, name: repository.name)
        let status = try await controller.follow(key, through: client, within: Self.healthLimit) { say($0) }
        guard let status, status.phase == .healthy, let endpoint = status.endpoint else {
            throw CommandFailure(
                .timedOut,
                "\(repository.name) does not serve after \(Self.healthLimit): \(reason(status)) The controller goes on; see "
                    + "'mlctl status \(repository.name) -n \(namespace)\(stateFlag)', or stop it: kill \(pid), then "
                    + "mlctl down\(stateFlag)")
        }
        say("\(repository.name), version \(version), serves at \(endpoint)")
        print(nextSteps(repository, in: place, endpoint: endpoint, pid: pid, isExample: isExample))
    }

    /// Checked before anything is written.
    private func requireStart(_ server: ModelServer, _ controller: BackgroundController) throws {
        guard !startsNothing else { return }
        if let running = controller.running {
            throw CommandFailure(
                .failed,
                "a controller runs already with the state folder \(state.url.path(percentEncoded: false)) (\(running.api)); give "
                    + "--state-dir for another one, or --no-start and add the repository to that controller's projects")
        }
        try controller.prepare()
        guard server.runtime != "mlctl", !Self.isOnPath(server.program) else { return }
        throw CommandFailure(
            .failed,
            "there is no '\(server.program)' on the PATH, which serves this model: \(server.installation) (in a virtual environment, "
                + "with its bin folder on the PATH). With --no-start only the repository is written")
    }

    private func reason(_ status: DeploymentStatus?) -> String {
        let text = status?.message ?? "no status"
        return text.hasSuffix(".") ? text : text + "."
    }

    private func requireFreePorts() throws {
        guard !startsNothing else { return }
        if let port { try requireFree(port, "port \(port)", "--port") }
        guard let listen else { return }
        let address: ListenAddress
        do {
            address = try ListenAddress(parsing: listen)
        } catch {
            throw ValidationError("--listen: \(error)")
        }
        if address.port != 0 { try requireFree(address.port, listen, "--listen") }
    }

    private func requireFree(_ port: Int, _ what: String, _ flag: String) throws {
        guard PortHolder.isTaken(port: port) else { return }
        let holder = PortHolder.of(port: port).map { " by \($0.words)" } ?? ""
        throw CommandFailure(.failed, "\(what) is taken\(holder); give another \(flag)")
    }

    /// What the controller would refuse must not be committed.
    private func requireValid(_ repository: FirstRepository) throws {
        let file = ManifestReader.read(repository.manifest, file: repository.manifestPath, named: true)
        let problems = DesiredState.resolve(files: [file]).diagnostics.map { $0.message }
        guard problems.isEmpty else {
            throw ValidationError("the manifest would not be valid: \(problems.joined(separator: "; "))")
        }
    }

    /// The first port of the usual range at which nothing listens.
    private func freePort() throws -> Int {
        guard let port = Self.usualPorts.first(where: { !PortHolder.isTaken(port: $0) }) else {
            throw CommandFailure(.failed, "the ports 9000 to 9099 are all taken; give --port")
        }
        return port
    }

    private static func isOnPath(_ program: String) -> Bool {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// The address of the API, or a free port if another program has it.
    private var freeListen: String {
        let usual = ListenAddress()
        return PortHolder.isTaken(port: usual.port) ? "\(usual.host):0" : "\(usual)"
    }

    private var stateFlag: String {
        state.directory.map { " " + ShellWords.line(["--state-dir", $0]) } ?? ""
    }

    private static var example: [String: String] {
        [
            "example/1/model.json": DemoFleet.modelV1, "example/2/model.json": DemoFleet.modelV2,
            "example/request.json": DemoFleet.requests.first ?? "{}",
        ]
    }

    private func nextSteps(
        _ repository: FirstRepository, in place: ModelRepositoryFolder, endpoint: String, pid: Int32, isExample: Bool
    ) -> String {
        let names = "\(repository.name) -n \(namespace)\(stateFlag)"
        let request =
            isExample
            ? """
              curl -s \(endpoint)/v2/models/\(repository.name)/infer -H 'content-type: application/json' \
            -d \(ShellWords.line(["@\(folder)/example/request.json"]))
            """ : "  curl -s \(endpoint)/v2/models/\(repository.name)"
        let release =
            isExample ? "write 2 for both 1s of the model in" : "change version and storageUri in"
        return """

            Ask it:
            \(request)
              mlctl status \(names)
            Release a version: \(release) \(folder)/\(repository.manifestPath), commit, and watch:
              mlctl status \(names) -w
            Stop: kill \(pid), then mlctl down\(stateFlag). The models serve until 'mlctl down'.
            """
    }

    private func say(_ text: String) {
        print(Escape.line(text))
        fflush(nil)
    }

    /// Asks at a terminal; nil where nobody can answer.
    private var ask: ((String, String) -> String?)? {
        guard !asksNothing, isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return nil }
        return { question, usual in
            print("\(question) [\(usual)] ", terminator: "")
            fflush(nil)
            let answer = readLine()?.trimmingCharacters(in: .whitespaces) ?? ""
            return answer.isEmpty ? nil : answer
        }
    }
}

extension FirstRepository.ContinuousIntegration: ExpressibleByArgument {}
