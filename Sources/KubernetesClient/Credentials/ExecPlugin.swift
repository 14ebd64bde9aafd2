/// A program that prints credentials (`client.authentication.k8s.io`), as a kubeconfig describes it.
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
    /// What to tell users who have not installed the program.
    var installHint: String?
    var provideClusterInfo: Bool?
    var interactiveMode: String?

    /// The plugin with an absolute command. A relative path with a slash starts at the kubeconfig's folder; a name without a
    /// slash is looked up on the PATH.
    func resolved(_ folder: String) -> ExecPlugin {
        var plugin = self
        if command.contains("/"), !command.hasPrefix("/") {
            plugin.command = (folder.hasSuffix("/") ? folder : folder + "/") + command
        }
        return plugin
    }

    /// Why mlctl cannot run the plugin; nil if it can.
    var refusal: String? {
        guard Self.versions.contains(apiVersion) else {
            return "has an exec plugin of \(apiVersion), but only \(Self.versions.joined(separator: " and ")) work. "
                + "Create the kubeconfig again with your provider's current tool."
        }
        if interactiveMode == "Always" {
            return
                "has an exec plugin that needs a terminal (interactiveMode: Always), and mlctl has none. Use one that "
                + "works without."
        }
        return command.isEmpty ? "has an exec plugin without a command." : nil
    }
}
