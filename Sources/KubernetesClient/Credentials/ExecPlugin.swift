/// A program that gives credentials (`client.authentication.k8s.io`), as a kubeconfig names it.
struct ExecPlugin: Hashable, Sendable, Decodable {
    static let clusterExtension = "client.authentication.k8s.io/exec"
    static let versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]

    struct Variable: Hashable, Sendable, Decodable {
        var name: String
        var value: String
    }

    var apiVersion: String
    var command: String
    var args: [String]?
    var env: [Variable]?
    /// What to tell people who do not have the program.
    var installHint: String?
    var provideClusterInfo: Bool?
    var interactiveMode: String?

    /// A path with a slash in it is one of the kubeconfig's folder; other names are looked up on the PATH.
    func resolved(_ folder: String) -> ExecPlugin {
        var plugin = self
        if command.contains("/"), !command.hasPrefix("/") {
            plugin.command = (folder.hasSuffix("/") ? folder : folder + "/") + command
        }
        return plugin
    }

    /// Why it cannot be run here.
    var refusal: String? {
        guard Self.versions.contains(apiVersion) else {
            return "has an exec plugin of \(apiVersion): \(Self.versions.joined(separator: " and ")) are possible. "
                + "Write the kubeconfig anew with your provider's current tool."
        }
        if interactiveMode == "Always" {
            return
                "has an exec plugin that wants a terminal (interactiveMode: Always): there is none here. Use one that "
                + "works without."
        }
        return command.isEmpty ? "has an exec plugin without a command." : nil
    }
}
