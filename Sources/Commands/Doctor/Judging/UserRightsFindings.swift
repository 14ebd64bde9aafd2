import ModelManifests

/// Checks that the controller has no more rights on its machine than it needs. Pure.
enum UserRightsFindings {
    struct Rights: Hashable, Sendable {
        /// The user that runs the controller.
        var user: UInt32
        var servesLocally: Bool
        /// The servers on this machine; nil where the manifests could not be read.
        var local: [Server]?
    }

    struct Server: Hashable, Sendable {
        var deployment: DeploymentKey
        /// Another user for the server; nil means the controller's user.
        var runsAs: String?
    }

    private static let shown = 3

    static func all(_ rights: Rights) -> Finding {
        let advice =
            "Give each runtime its own user (runtime: {runAs: {user: models}}), or run the controller as a user that has "
            + "no other rights: controller/mlctl.service"
        guard rights.servesLocally else {
            return rights.user == 0
                ? .warning(
                    .rightsUser,
                    "the controller runs as root but serves nothing on this machine, so it does not need root",
                    "Run it as its own user: controller/mlctl.service")
                : .ok(.rightsUser, "the controller runs as user \(rights.user) and serves nothing on this machine")
        }
        guard rights.user == 0 else {
            let wanting = (rights.local ?? []).filter { $0.runsAs != nil }
            guard let first = wanting.first else {
                return .ok(.rightsUser, "the controller and its model servers run as user \(rights.user), not as root")
            }
            return .problem(
                .rightsUser,
                "\(first.deployment) has runAs user '\(first.runsAs ?? "")', which needs a controller that runs as root",
                "Remove runAs, or run the controller as root")
        }
        guard let local = rights.local else {
            return .warning(
                .rightsUser,
                "the controller runs as root: model servers without runAs run as root too, and models can contain code",
                advice)
        }
        let bare = local.filter { $0.runsAs == nil }.map(\.deployment.description).sorted()
        guard !bare.isEmpty else {
            return .ok(
                .rightsUser, "the controller runs as root, and each of \(local.count) model servers has its own user")
        }
        let names = bare.prefix(shown).joined(separator: ", ")
        return .problem(
            .rightsUser,
            "\(names)\(bare.count > shown ? " and \(bare.count - shown) more" : "") would run as root: models can contain code, which "
                + "could then do anything on this machine", advice)
    }
}
