import ArgumentParser
import Foundation
import KubernetesClient
import KubernetesServing
import SafeText

/// `mlctl uninstall`: removes mlctl's objects from a cluster.
struct UninstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Remove mlctl's objects from a cluster.",
        discussion: """
            Removes the finalizer of every ModelDeployment and deletes it, then deletes what mlctl created: routes, \
            Deployments, Services, proxies, keys, records and the controller's lease. With --keep-serving the models keep \
            serving, without any controller until mlctl is installed again.

            No controller may run meanwhile, because it would create everything again. --stop-controller stops a controller \
            that the chart installed. Manifests in git and the chart's release stay.

            Examples:
              mlctl uninstall                                  show what would be deleted
              mlctl uninstall --yes --stop-controller --crd    delete everything
              mlctl uninstall --yes --namespace payments       delete the objects of one namespace
              mlctl uninstall --yes --keep-serving             remove only mlctl, not what it serves
            """)

    @Option(help: "The context of the kubeconfig. Default: the current one.") var context: String?
    @Option(help: "A kubeconfig. Default: in a pod its service account, otherwise KUBECONFIG or ~/.kube/config.")
    var kubeconfig: String?
    @Option(name: .shortAndLong, help: "Only this namespace.") var namespace: String?
    @Flag(name: .customLong("keep-serving"), help: "Keep the models serving.") var keepsServing = false
    @Flag(help: "Delete the definition of ModelDeployments too.") var crd = false
    @Flag(name: .customLong("stop-controller"), help: "First scale a controller in the cluster to zero replicas.")
    var stopsController = false
    @Option(help: "The controller's Deployment as NAMESPACE/NAME. Default: those that the chart installed.")
    var controller: String?
    @Option(help: "The name of the controller's lease: `name` in its settings.") var lease = "mlctl"
    @Flag(help: "Delete, instead of only showing what would be deleted.") var yes = false

    func validate() throws {
        if crd, namespace != nil {
            throw ValidationError("--crd cannot be used with --namespace: the definition belongs to the whole cluster")
        }
        if crd, keepsServing {
            throw ValidationError(
                "--crd cannot be used with --keep-serving: the next installation needs the definition")
        }
        if controller != nil, controllerKey == nil {
            throw ValidationError("write --controller as NAMESPACE/NAME")
        }
    }

    private var controllerKey: NamespacedName? {
        let parts = (controller ?? "").split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        return NamespacedName(namespace: parts[0], name: parts[1])
    }

    func run() async throws {
        let uninstall: ClusterUninstall
        do {
            let api = try ClusterSettings(name: context ?? "current", kubeconfig: kubeconfig, context: context).api()
            uninstall = ClusterUninstall(
                api,
                ClusterUninstall.Options(
                    namespace: namespace, keepsServing: keepsServing, removesDefinition: crd,
                    controller: controllerKey, stopsController: stopsController, lease: lease)
            ) { print(Escape.line($0)) }
        } catch let error as APIError {
            throw CommandFailure(.failed, error.message)
        }
        do {
            let steps = try await uninstall.steps()
            for line in steps.lines { print((yes ? "deleting " : "would delete ") + Escape.line(line)) }
            if keepsServing { print("models keep serving") }
            guard yes else {
                throw CommandFailure(
                    .wrongUsage,
                    steps.isEmpty ? "there is nothing to delete" : "nothing was deleted; add --yes to delete")
            }
            let left = try await uninstall.run(steps)
            for line in left { print(Escape.line(line)) }
            guard left.isEmpty else {
                throw CommandFailure(.failed, "\(left.count) of mlctl's objects could not be deleted")
            }
            print(
                keepsServing
                    ? "done: mlctl is removed, and its models keep serving" : "done: mlctl is removed completely")
        } catch let error as ClusterServingError {
            throw CommandFailure(.failed, error.message)
        }
    }
}
