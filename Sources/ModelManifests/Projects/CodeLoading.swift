/// Variables by which a program that is allowed is made to run code that is not.
enum CodeLoading {
    private static let names: Set<String> = [
        "PATH", "BASH_ENV", "ENV", "SHELLOPTS", "PS4", "IFS", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
        "PYTHONINSPECT",
        "PYTHONUSERBASE", "PYTHONBREAKPOINT", "PYTHONPLATLIBDIR", "PYTHONCASEOK", "PYTHONWARNINGS", "NODE_OPTIONS",
        "NODE_PATH", "PERL5OPT", "PERL5LIB", "PERLLIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES",
        "GIO_EXTRA_MODULES", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSLKEYLOGFILE", "MALLOC_TRACE",
        "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON", "JULIA_LOAD_PATH", "JULIA_DEPOT_PATH", "LUA_INIT", "HOME", "TMPDIR",
        "MLSERVER_MODEL_IMPLEMENTATION", "MLSERVER_MODEL_REPOSITORY_IMPLEMENTATION", "MLSERVER_ENVIRONMENTS_DIR",
        "MLSERVER_MODEL_ENVIRONMENT_PATH", "MLSERVER_MODEL_ENVIRONMENT_TARBALL", "HF_MODULES_CACHE",
        "VLLM_PLUGINS", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "EDITOR", "PAGER", "DOTNET_STARTUP_HOOKS",
    ]
    private static let prefixes = ["LD_", "DYLD_", "GLIBC_", "GIT_", "BASH_FUNC_", "LUA_INIT_", "CORECLR_", "COR_"]

    static func isDangerous(_ name: String) -> Bool {
        names.contains(name) || prefixes.contains { name.utf8.starts(with: $0.utf8) }
    }

    /// Folders that hold data and no programs: whatever a volume brings there is not what is started.
    private static let dataFolders = [
        "/mnt", "/data", "/dev/shm", "/tmp", "/var/tmp", "/var/cache", "/cache", "/scratch", "/config", "/secrets",
        "/run/secrets", "/var/run/secrets",
    ]
    static let dataFolderNames = dataFolders.joined(separator: ", ")
    private static let dataPaths = dataFolders.map(PodContainer.folder)

    /// - Parameter folder: its parts from the root.
    static func isOfData(_ folder: [Substring]) -> Bool { dataPaths.contains { folder.starts(with: $0) } }
}

/// Variables and options by which a preset's server finds its model, or loads another one.
enum ModelLoading {
    private static let names: Set<String> = RuntimeRules.variablesOfMlctl.union([
        "MLSERVER_LOAD_MODELS_AT_STARTUP", "VLLM_MODEL_REDIRECT_PATH", "VLLM_USE_MODELSCOPE", "VLLM_CONFIG_ROOT",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "VLLM_LORA_RESOLVER_CACHE_DIR", "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT",
        "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "BENTOML_HOME", "BENTOML_CONFIG", "BENTOML_CONFIG_OPTIONS",
        "BENTO_PATH", "STORAGE_URI", "MODEL_URI", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI",
    ])
    /// MLServer reads every setting of a model from its environment: these say nothing of where it is.
    private static let harmless: Set<String> = [
        "NAME", "VERSION", "VERSIONS", "PLATFORM", "INPUTS", "OUTPUTS", "PARALLEL_WORKERS", "WARM_WORKERS",
        "MAX_BATCH_SIZE",
        "MAX_BATCH_TIME", "FORMAT", "CONTENT_TYPE",
    ]
    private static let modelSettings = "MLSERVER_MODEL_"

    static func isDangerous(_ name: String) -> Bool {
        if names.contains(name) { return true }
        guard name.utf8.starts(with: modelSettings.utf8) else { return false }
        return !harmless.contains(String(name.dropFirst(modelSettings.count)))
    }

    private static let options = [
        "--model", "--model-tag", "--tokenizer", "--hf-config-path", "--hf-overrides", "--lora-modules",
        "--enable-lora",
        "--speculative-config", "--speculative-model", "--qlora-adapter-name-or-path", "--prompt-adapters", "--config",
        "--download-dir", "--load-format", "--model-loader-extra-config", "--working-dir",
    ]
    /// A shorter beginning of an option stands for several.
    private static let fewestOfOption = 5

    /// An option that names another model, as it is written; nil where there is none. Parsers of options take beginnings
    /// of them, and `_` for `-`. A file of the model's own folder is the model's.
    static func option(in words: [String]) -> String? {
        for (index, word) in words.enumerated() where word.hasPrefix("--") {
            let name = word.prefix { $0 != "=" && $0 != "." }.replacing("_", with: "-")
            guard name.count >= fewestOfOption, options.contains(where: { $0 == name || $0.hasPrefix(name) }) else {
                continue
            }
            let value = word.firstIndex(of: "=").map { String(word[$0...].dropFirst()) } ?? words[safe: index + 1]
            if let value, value.hasPrefix("$(MODEL_DIR)"), !value.contains("..") { continue }
            return word
        }
        return nil
    }
}

extension [String] {
    fileprivate subscript(safe index: Int) -> String? { indices.contains(index) ? self[index] : nil }
}
