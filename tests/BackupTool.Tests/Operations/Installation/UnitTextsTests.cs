using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Installation;
using BackupTool.Posix;

namespace BackupTool.Tests.Operations.Installation;

/// <summary>The units that are installed: those that are shipped, with a machine's own in them; and those of the NixOS module, which are the same.</summary>
public sealed class UnitTextsTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly string Root = FindRoot();
    private readonly string _directory = Directory.CreateTempSubdirectory("backup-units-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static string FindRoot()
    {
        string at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "BackupTool.sln"))) at = Path.GetDirectoryName(at)!;
        return at;
    }

    private static string[] Shipped => [.. Directory.GetFiles(Path.Combine(Root, "schedules/systemd")).Select(static file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private BackupConfiguration Configuration(string services = "", string more = "")
    {
        Directory.CreateDirectory(Path.Combine(_directory, "schedules"));
        File.WriteAllText(Path.Combine(_directory, "schedules/nightly.toml"), "cron = \"30 2 * * *\"\ntime-zone = \"Europe/Berlin\"\njitter = \"10m\"\nrun = [\"backup\"]\n");
        File.WriteAllText(Path.Combine(_directory, "backup.toml"), $"[repository]\npath = \"/srv/repository\"\n{more}\n{services}\n");
        return ConfigurationReader.Read(BytePath.From(Path.Combine(_directory, "backup.toml")), null) with { File = BytePath.From("/etc/backup/backup.toml") };
    }

    private static InstallSettings Settings(InstallMode mode, string program = "/usr/local/bin/backup") => new() { Mode = mode, Program = program };

    [Fact]
    public void Each_shipped_unit_is_installed_with_nothing_changed_but_what_is_the_machines_own()
    {
        BackupConfiguration configuration = Configuration();
        SortedDictionary<string, string> timers = UnitTexts.Make(Settings(InstallMode.Timer), configuration, Now), agent = UnitTexts.Make(Settings(InstallMode.Agent), configuration, Now);
        timers.Keys.Union(agent.Keys).Order(StringComparer.Ordinal).Should().Equal(Shipped);
        foreach ((string name, string text) in timers.Concat(agent))
        {
            string shipped = File.ReadAllText(Path.Combine(Root, "schedules/systemd", name));
            Own(text).Should().Equal(Own(shipped), name);
        }

        static IEnumerable<string> Own(string text) => text.Split('\n').Where(static line => !line.StartsWith("RequiresMountsFor=", StringComparison.Ordinal) && !line.StartsWith("After=", StringComparison.Ordinal));
    }

    [Fact]
    public void The_units_know_the_machines_paths_services_and_secrets()
    {
        BackupConfiguration configuration = Configuration("""
            [service.pg]
            kind = "postgres"
            unit = "postgresql@15-main.service"
            [service.home]
            kind = "files"
            unit = "home"
            data = "/usr/local/home"
            """, "[state]\npath = \"/srv/100% state\"");
        InstallSettings settings = Settings(InstallMode.Timer, "/opt/my tools/$x/backup") with { Credentials = [new InstalledCredential("token", "/run/secrets/token")] };

        SortedDictionary<string, string> units = UnitTexts.Make(settings, configuration, Now);

        units["backup@.service"].Should().Contain("ExecStart=\"/opt/my tools/$$x/backup\" run %i\n").And.Contain("RequiresMountsFor=/etc/backup \"/srv/100%% state\" /srv/repository ")
            .And.Contain("LoadCredential=token:/run/secrets/token\n").And.Contain("\nSetCredential=token:\\n\n", "a secret that is not there keeps no unit from starting").And.NotContain("StateDirectory=").And.NotContain("\nProtectSystem=", "what is restored is below /usr");
        units["backup-recover.service"].Should().Contain("\nBefore=home.service\n").And.Contain("\nAfter=postgresql@15-main.service\n").And.NotContain("Before=postgresql")
            .And.Contain("ConditionPathExists=/srv/100%% state/replacement.json\n").And.NotContain("/srv/repository", "a disk that is away keeps no service down");
        units["backup-resume.service"].Should().Contain("\nAfter=home.service\n").And.NotContain("/srv/repository");
    }

    [Fact]
    public async Task Systemd_finds_nothing_wrong_with_any_of_them_and_they_are_as_exposed_as_is_stated()
    {
        BackupConfiguration configuration = Configuration("[service.home]\nkind = \"files\"\nunit = \"home\"\ndata = \"/srv/home\"");
        string stated = Regex.Match(File.ReadAllText(Path.Combine(Root, "schedules/README.md")), @"exposure[^0-9]*([0-9]\.[0-9])").Groups[1].Value;
        stated.Should().NotBeEmpty("it is stated");
        foreach (InstallMode mode in Enum.GetValues<InstallMode>())
            foreach ((string name, string text) in UnitTexts.Make(Settings(mode, "/bin/true"), configuration, Now)) await File.WriteAllTextAsync(Path.Combine(_directory, name), text, TestContext.Current.CancellationToken);
        string[] units = [.. Directory.GetFiles(_directory, "backup*.*").Where(static file => !file.EndsWith(".toml", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        units.Should().HaveCount(Shipped.Length);

        (int status, string output) = await RunAsync("systemd-analyze", ["verify", "--recursive-errors=no", .. units.Select(static unit => unit.Replace("@.", "@test.", StringComparison.Ordinal))]);
        (status, output).Should().Be((0, ""));
        foreach (string service in units.Where(static unit => unit.EndsWith(".service", StringComparison.Ordinal)))
            (await RunAsync("systemd-analyze", ["security", "--offline=true", "--no-pager", service])).Output.Should().Contain($": {stated} ", service);
    }

    [Theory]
    [InlineData(InstallMode.Timer)]
    [InlineData(InstallMode.Agent)]
    public async Task The_NixOS_module_makes_the_same_units(InstallMode mode)
    {
        BackupConfiguration configuration = Configuration("[service.home]\nkind = \"files\"\nunit = \"home\"\ndata = \"/srv/home\"\n[service.pg]\nkind = \"postgres\"\nunit = \"postgresql@15-main.service\"");
        JsonElement system = await EvaluateAsync($$"""
            enable = true; package = "/p"; runner = "{{mode.ToString().ToLowerInvariant()}}"; credentials.token = "/run/secrets/token"; schedules.nightly = { cron = "30 2 * * *"; };
            settings = { repository.path = "/srv/repository"; service.home = { kind = "files"; unit = "home"; }; service.pg = { kind = "postgres"; unit = "postgresql@15-main.service"; }; };
            """);
        system.GetProperty("failed").GetArrayLength().Should().Be(0);
        JsonElement services = system.GetProperty("systemd").GetProperty("services");
        InstallSettings settings = Settings(mode, "/p/bin/backup") with { Credentials = [new InstalledCredential("token", "/run/secrets/token")] };

        var expected = UnitTexts.Make(settings, configuration, Now).Where(static unit => unit.Key.EndsWith(".service", StringComparison.Ordinal)).ToDictionary(static unit => unit.Key[..^".service".Length], static unit => unit.Value);

        services.EnumerateObject().Select(static service => service.Name).Should().BeEquivalentTo(expected.Keys);
        foreach ((string name, string text) in expected)
            NixLines(services.GetProperty(name)).Should().BeEquivalentTo(Lines(text), name);
        services.EnumerateObject().Should().OnlyContain(static service => !service.Value.GetProperty("restartIfChanged").GetBoolean());
        string systemdPackages = system.GetProperty("systemd").GetProperty("packages").ToString();
        if (mode == InstallMode.Agent) systemdPackages.Should().Be("[]");
        else systemdPackages.Should().Contain("/p/bin/backup install --timer --root root").And.Contain("--credential 'token:/run/secrets/token'").And.Contain("Europe/Berlin");
        system.GetProperty("environment").ToString().Should().Contain("config check --files-only").And.Contain("BACKUP_CONFIG");
    }

    [Fact]
    public async Task The_NixOS_module_refuses_what_this_version_cannot_do()
    {
        (await EvaluateAsync("""enable = true; package = "/p"; drills.weekly = { }; schedules = { };""")).GetProperty("failed").GetArrayLength().Should().Be(3);
        Func<Task> misspelt = () => EvaluateAsync("enable = true; schedule = { };");
        await misspelt.Should().ThrowAsync<InvalidOperationException>().WithMessage("*there is no option schedule*");
        (await EvaluateAsync("enable = false;")).EnumerateObject().Select(static entry => entry.Name).Should().Equal("failed");
        (await RunAsync("nix-instantiate", ["--parse", Path.Combine(Root, "schedules/nixos/package.nix")])).Status.Should().Be(0);
    }

    /// <summary>Section-less: what a unit says, as systemd would read it, without what is for people or else each system's own.</summary>
    private static IEnumerable<string> Lines(string text) => text.Split('\n').Where(static line => line.Contains('=') && line[0] != '#')
        .SelectMany(static line => line[..line.IndexOf('=')] is "After" or "Before" or "Wants" or "OnFailure" or "WantedBy" ? line[(line.IndexOf('=') + 1)..].Split(' ').Select(unit => $"{line[..line.IndexOf('=')]}={unit}") : [line])
        .Where(static line => !line.StartsWith("ExecReload=", StringComparison.Ordinal));

    private static IEnumerable<string> NixLines(JsonElement service)
    {
        foreach (JsonProperty entry in service.EnumerateObject())
        {
            if (entry.Name is "path" or "restartIfChanged" or "stopIfChanged" or "reloadTriggers") continue;
            string key = char.ToUpperInvariant(entry.Name[0]) + entry.Name[1..];
            IEnumerable<(string Key, JsonElement Value)> pairs = entry.Name is "serviceConfig" or "unitConfig" ? entry.Value.EnumerateObject().Select(static each => (each.Name, each.Value))
                : entry.Name == "environment" ? entry.Value.EnumerateObject().Select(static each => ("Environment", JsonDocument.Parse($"\"{each.Name}={each.Value}\"").RootElement)) : [(key, entry.Value)];
            foreach ((string name, JsonElement value) in pairs.Where(static pair => pair.Key != "ExecReload"))
                foreach (JsonElement item in value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : (IEnumerable<JsonElement>)[value]) yield return $"{name}={item.GetString()}";
        }
    }

    private async Task<JsonElement> EvaluateAsync(string given)
    {
        string file = Path.Combine(_directory, "given.nix");
        await File.WriteAllTextAsync(file, $"import {Root}/tests/nixos/evaluate.nix {{ module = {Root}/schedules/nixos/module.nix; given = {{ {given} }}; }}");
        (int status, string output) = await RunAsync("nix-instantiate", ["--eval", "--strict", "--json", "--store", "dummy://", file]);
        return status == 0 ? JsonDocument.Parse(output[output.IndexOf('{')..]).RootElement : throw new InvalidOperationException(output);
    }

    private static async Task<(int Status, string Output)> RunAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C.UTF-8";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        var output = new StringBuilder(await process.StandardOutput.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0 || output.Length == 0) output.Append(await error);
        return (process.ExitCode, output.ToString());
    }
}
