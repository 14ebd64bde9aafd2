import Foundation
import JSON

/// The files of a repository with a first manifest, as `mlctl init` writes them. Pure.
package struct FirstRepository: Sendable {
    /// Which CI system gets a workflow.
    package enum ContinuousIntegration: String, CaseIterable, Sendable {
        case github, gitlab, none
    }

    package static let manifestFolder = "models"

    package var name: String
    package var namespace: String
    package var version: String
    package var storageURI: String
    package var server: ModelServer
    package var port: Int
    package var integration: ContinuousIntegration
    /// The branch whose commits serve.
    package var branch: String

    package static let usualBranch = "main"

    package init(
        name: String, namespace: String, version: String, storageURI: String, server: ModelServer, port: Int,
        integration: ContinuousIntegration, branch: String = FirstRepository.usualBranch
    ) {
        (self.name, self.namespace, self.version, self.storageURI) = (name, namespace, version, storageURI)
        (self.server, self.port, self.integration, self.branch) = (server, port, integration, branch)
    }

    package var manifestPath: String { "\(Self.manifestFolder)/\(name).yaml" }

    /// Texts by path.
    package var files: [String: String] {
        var files = [manifestPath: manifest, "README.md": readme]
        switch integration {
        case .github:
            files[".github/workflows/models.yaml"] = Self.adapted(PackageResources.github_actions_yaml, to: self)
        case .gitlab: files[".gitlab-ci.yml"] = Self.adapted(PackageResources.gitlab_ci_yaml, to: self)
        case .none: break
        }
        return files
    }

    package var manifest: String {
        let format = server.format.map { "\n    format: \($0)" } ?? ""
        let variables = server.environment.sorted { $0.key < $1.key }.map {
            "\n    - {name: \($0.key), value: \(Self.quoted($0.value))}"
        }
        let environment = variables.isEmpty ? "" : "\n    env:" + variables.joined()
        return """
            # What should serve. Change version and storageUri and commit: the new version is rolled out as below.
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: \(name), namespace: \(namespace)}
            spec:
              model:
                version: \(Self.quoted(version))
                storageUri: \(Self.quoted(storageURI))\(format)
              runtime:
                name: \(server.runtime)\(environment)
              endpoint: {port: \(port)}
              rollout:
            \(steps)
            """
    }

    /// Servers of the Open Inference Protocol have their predictions compared before a user sees one.
    private var steps: String {
        guard server.speaksOpenInference else {
            return """
                    # Errors and speed are compared at each step. Nothing looks at the answers themselves yet: a check or an outcome
                    # gate can ('mlctl explain' says how).
                    steps:
                    - setWeight: 5
                    - pause: {duration: 1m}
                      advance: evidence
                    - setWeight: 25
                      advance: evidence
                    - setWeight: 100

                """
        }
        return """
                shadow: {path: outputs}                          # the part of the answers that is compared
                steps:
                - mirror: 100                                    # a copy of the traffic; users never see these answers
                - gate: {name: answers, agreement: {min: 0.9}}   # a model that predicts something else stops here
                - setWeight: 5                                   # from here errors and speed are compared too
                - pause: {duration: 1m}
                  advance: evidence
                - setWeight: 25
                  advance: evidence
                - setWeight: 100

            """
    }

    private var readme: String {
        let workflow =
            switch integration {
            case .github:
                "`.github/workflows/models.yaml` validates pull requests and waits for the rollout of what is merged.\n\n"
            case .gitlab: "`.gitlab-ci.yml` validates merge requests and waits for the rollout of what is merged.\n\n"
            case .none: ""
            }
        return """
            # Models

            What is committed here serves: mlctl reads `\(Self.manifestFolder)/`, loads a new version beside the one that serves, moves
            traffic to it step by step, and takes it back by itself if it is worse.

            \(workflow)Release a version: change `version` and `storageUri` in `\(manifestPath)`, and commit.

                mlctl plan \(Self.manifestFolder)/                         # what a commit would do
                mlctl status \(name) -n \(namespace) -w      # what serves, what rolls out, what it waits for
                mlctl explain \(name) -n \(namespace)        # why
                mlctl rollback \(name) -n \(namespace)       # back to the version before

            """
    }

    /// A template with this deployment's names.
    private static func adapted(_ template: [UInt8], to repository: FirstRepository) -> String {
        String(decoding: template, as: UTF8.self)
            .replacing(" deploy/", with: " \(manifestFolder)/")
            .replacing("fraud-scorer -n payments", with: "\(repository.name) -n \(repository.namespace)")
            .replacing("branches: [main]", with: "branches: [\(quoted(repository.branch))]")
    }

    /// As JSON writes it, which is valid YAML too.
    private static func quoted(_ text: String) -> String { CanonicalJSON.text(.string(text)) }

    /// A deployment's name from a model's path or address; nil where nothing of it can be one.
    package static func name(from address: String) -> String? {
        let place = address.split(separator: "@").first ?? ""
        let parts = place.split { "/:".contains($0) }.map(String.init)
        for part in parts.reversed() {
            let stem = part.split(separator: ".").first.map(String.init) ?? part
            let label = String(stem.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
                .split(separator: "-").joined(separator: "-")
            // A part such as `v3` or `2026-11-20` is a version.
            guard label.contains(where: \.isLetter), label.count <= 50, !["model", "models"].contains(label),
                label.firstMatch(of: #/^v?\d[\d-]*$/#) == nil
            else { continue }
            return label
        }
        return nil
    }
}
