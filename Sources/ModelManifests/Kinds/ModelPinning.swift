extension ModelDeployment {
    /// A warning about model files that may change within one revision; nil where they cannot.
    ///
    /// On one machine, files are pinned by digest before they are used. In a cluster, each pod fetches its own files.
    package var unpinnedModel: String? { template.model.unpinnedWarning(on: target) }
}

extension ModelSource {
    package func unpinnedWarning(on target: Target) -> String? {
        guard case .kubernetes = target, digest == nil, let uri = storageURI, Self.canChange(uri) else { return nil }
        return "\(uri) is not pinned: two pods of one revision may serve different files. Add `model.digest`, which "
            + "every pod then verifies."
    }

    private static func canChange(_ uri: String) -> Bool {
        switch uri.prefix(while: { $0 != ":" }) {
        case "s3", "gs", "az", "https": true
        case "oci": !uri.contains("@sha256:")
        case "hf": !namesCommit(uri)
        // A version, a run and a logged model keep their files.
        case "models": uri.contains("@")
        // A claim is a volume of the cluster, with the same content for all pods.
        default: false
        }
    }

    /// `hf://owner/model:COMMIT`. Branches and tags can change.
    private static func namesCommit(_ uri: String) -> Bool {
        let name = uri.split(separator: ":").last ?? ""
        return name.count == 40 && name.allSatisfy(\.isHexDigit)
    }
}
