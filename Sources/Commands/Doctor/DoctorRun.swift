import ControlAPI
import Foundation
import ModelManifests
import Presentation

/// All checks of `mlctl doctor`, which run at the same time.
struct DoctorRun: Sendable {
    /// The limit for checks that only read files of this machine.
    static let localLimit: Duration = .seconds(5)
    static let networkLimit: Duration = .seconds(12)
    /// The limit for some hundred short requests.
    static let clusterLimit: Duration = .seconds(30)

    let installation: InspectedInstallation
    let isOffline: Bool

    func diagnosis() async -> Diagnosis {
        let found = await ParallelChecks(isOffline: isOffline).findings(of: checks())
        return Diagnosis(findings: readingSettings() + found.filter { $0.check != .settingsRead })
    }

    private func checks() -> [Check] {
        let files = FileInspection(installation: installation)
        let machine = MachineInspection(installation: installation)
        let network = NetworkInspection(installation: installation)
        let repositories = RepositoryInspection(installation.known, isOffline: isOffline)
        let settings = installation.known
        func local(_ about: CheckID..., look: @escaping @Sendable () async throws -> [Finding]) -> Check {
            Check(about: about, limit: Self.localLimit, look: look)
        }
        /// A check that needs the manifests, so it takes as long as reading them.
        func reading(_ about: CheckID..., look: @escaping @Sendable () async throws -> [Finding]) -> Check {
            Check(about: about, limit: RepositoryInspection.limit, look: look)
        }
        return [
            local(.settingsMode) { try files.settings() },
            local(.stateMode, .stateSecrets) { try files.state() },
            local(.secretMode) { try files.secrets() },
            local(.controllerRunning, .controllerCrash) { files.controller() },
            local(.tokenStrength, .tokenTwice, .tokenRights) {
                guard let settings else { return TokenFindings.ofSome(files.tokens()) }
                return TokenFindings.all(
                    files.tokens(), isReachableFromNetwork: try Self.isReachableFromNetwork(settings))
            },
            reading(.tokenWritten) { try await written(repositories, known: files.tokens().compactMap(\.text)) },
            local(.apiExposure) { try exposure(files.tokens()) },
            Check(about: [.apiAnonymous], limit: Self.networkLimit) { await network.anonymous() },
            local(.tlsCertificate, .tlsName) { try machine.certificate() },
            reading(.rightsUser) { await userRights(repositories) },
            local(.policyWalls, .policyWidth, .policyLimits) { PolicyFindings.all(settings?.projects) },
            reading(.policyRuntimes) { await runtimes(repositories) },
            local(.toolGit) { try await machine.git() },
            local(.toolSSH) { try await machine.ssh() },
            reading(.toolProgram) { machine.programs(await repositories.deployments()) },
            local(.clockSync) { machine.clock() },
            local(.diskRoom) { try files.disks() },
            local(.portOwn) { try machine.ownPorts() },
            reading(.portEndpoints) { machine.endpointPorts(await repositories.deployments()) },
            reading(.repoReachable, .repoManifests) { await repositories.findings() },
            Check(about: [.clockSkew], isNetwork: true, limit: Self.networkLimit) { await network.gitClocks() },
            Check(about: [.clusterReachable, .rightsCluster], isNetwork: true, limit: Self.clusterLimit) {
                await network.clusters()
            },
            Check(about: [.sourceReachable], isNetwork: true, limit: Self.networkLimit) { await network.sources() },
        ]
    }

    /// The settings, read as `mlctl run` reads them.
    private func readingSettings() -> [Finding] {
        func fault(_ message: String) -> Finding {
            .problem(
                .settingsRead, message,
                "'mlctl run' fails with the same error. controller/mlctl.yaml explains each setting")
        }
        switch installation.settings {
        case .failure(let error): return [fault(error.message)]
        case .success(let settings):
            let faults = SettingsProblems.all(settings).map(fault)
            guard faults.isEmpty else { return faults }
            guard let config = installation.config else {
                return [.ok(.settingsRead, "no settings file (--config): all settings have their defaults")]
            }
            return [.ok(.settingsRead, "'mlctl run' accepts the settings in \(config)")]
        }
    }

    private static func isReachableFromNetwork(_ settings: RunSettings) throws -> Bool {
        try !ListenAddress(parsing: settings.listen).isLoopback
    }

    private func exposure(_ tokens: [TokenFindings.Token]) throws -> [Finding] {
        guard let settings = installation.known else {
            return [.notLookedAt(.apiExposure, "the settings cannot be read")]
        }
        return [
            ListeningFindings.exposure(
                ListeningFindings.Address(
                    listen: try ListenAddress(parsing: settings.listen), hasTLS: settings.access.tls != nil,
                    hasGivenToken: tokens.contains(where: \.isGiven), isInPod: installation.rules.isInPod))
        ]
    }

    private func userRights(_ repositories: RepositoryInspection) async -> [Finding] {
        let deployments = await repositories.deployments()?.filter { $0.target == .local }
        let isInPod = installation.rules.isInPod
        return [
            UserRightsFindings.all(
                UserRightsFindings.Rights(
                    user: installation.rules.user,
                    servesLocally: !isInPod && installation.known?.servesNothingLocally != true,
                    local: deployments?.map { .init(deployment: $0.key, runsAs: $0.template.runtime.runAs?.user) }))
        ]
    }

    private func runtimes(_ repositories: RepositoryInspection) async -> [Finding] {
        guard let settings = installation.known, let outcomes = await repositories.outcomes() else {
            return [.notLookedAt(.policyRuntimes, "the settings cannot be read")]
        }
        return PolicyFindings.runtimes(
            outcomes.map { (settings.rules(of: $0.project), $0.desired.map(\.runtimeNames)) })
    }

    private func written(_ repositories: RepositoryInspection, known: [String]) async throws -> [Finding] {
        var texts: [ExposedSecrets.Text] = []
        if let config = installation.config,
            let bytes = try? TokenFile.bytes(of: config, most: ExposedSecrets.mostBytes)
        {
            texts.append(.init(place: config, text: String(decoding: bytes, as: UTF8.self)))
        }
        for outcome in await repositories.outcomes() ?? [] {
            texts += (outcome.files ?? [:]).sorted { $0.key < $1.key }.compactMap { path, file in
                file.text.map { .init(place: "\(path) in \(outcome.place)", text: $0) }
            }
        }
        let outcomes = await repositories.outcomes() ?? []
        let variables = ExposedSecrets.variables(
            of: outcomes.flatMap { Array(($0.desired?.deployments ?? [:]).values) })
        let found = ExposedSecrets.findings(in: texts, known: known)
        return variables.isEmpty ? found : variables + found.filter { $0.severity != .ok }
    }
}
