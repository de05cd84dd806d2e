using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Services.Profiles;

namespace BackupTool.Tests.Architecture;

/// <summary>Who may know whom. Everything not allowed here is forbidden: a new project needs a line.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> MayKnow = new()
    {
        ["BackupTool.Foundation"] = [],
        ["BackupTool.Repositories"] = ["BackupTool.Foundation"],
        ["BackupTool.Services"] = ["BackupTool.Foundation"],
        ["BackupTool.Storage"] = ["BackupTool.Foundation", "BackupTool.Repositories"],
        ["BackupTool.Operations"] = ["BackupTool.Foundation", "BackupTool.Repositories", "BackupTool.Services"],
        ["BackupTool.Cli"] = ["BackupTool.Foundation", "BackupTool.Repositories", "BackupTool.Services", "BackupTool.Storage", "BackupTool.Operations"],
    };

    private static readonly Dictionary<string, string[]> MayUseOnlyIn = new()
    {
        ["YamlDotNet"] = ["BackupTool.Services"],
        ["Tomlyn"] = ["BackupTool.Services", "BackupTool.Operations"],
        ["Microsoft.Data.Sqlite"] = ["BackupTool.Services", "BackupTool.Operations"],
        ["CliWrap"] = ["BackupTool.Services"],
        ["Npgsql"] = ["BackupTool.Services"],
        ["ZstdNet"] = ["BackupTool.Repositories"],
        ["Cronos"] = ["BackupTool.Operations"],
        ["Microsoft.Extensions.Hosting.Systemd"] = ["BackupTool.Cli"],
        ["System.CommandLine"] = ["BackupTool.Cli"],
    };

    public static TheoryData<string> Projects => [.. Directory.GetDirectories(Path.Combine(Root, "src")).Select(path => Path.GetFileName(path)!).Order()];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_refers_only_to_those_it_may_know(string project)
    {
        MayKnow.Should().ContainKey(project, "a new project says here whom it may know");
        References(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path)).Should().BeSubsetOf(MayKnow[project]);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_package_is_used_only_where_its_field_is(string project)
    {
        foreach (string package in References(project, "PackageReference"))
            if (MayUseOnlyIn.TryGetValue(package, out string[]? projects)) projects.Should().Contain(project, $"{package} is not {project}'s to use");
    }

    [Theory]
    [InlineData(typeof(BytePath))]
    [InlineData(typeof(TarMember))]
    [InlineData(typeof(ServiceProfile))]
    [InlineData(typeof(BackupConfiguration))]
    public void A_built_assembly_refers_only_to_those_it_may_know(Type inside)
    {
        // What a project gets from the one it refers to is not in its project file, but is here.
        Assembly assembly = inside.Assembly;
        assembly.GetReferencedAssemblies().Select(reference => reference.Name!).Where(name => name.StartsWith("BackupTool.", StringComparison.Ordinal) || name == "backup")
            .Should().BeSubsetOf(MayKnow[assembly.GetName().Name!]);
    }

    [Fact]
    public void Only_the_foundation_calls_the_C_library()
    {
        string[] projects = [.. Sources().Where(file => CLibrary().IsMatch(File.ReadAllText(file))).Select(ProjectOf).Distinct()];
        projects.Should().Equal(["BackupTool.Foundation"], "the Posix layer is the one place");
    }

    [Fact]
    public void Nothing_is_imported_by_marshalling_at_run_time() =>
        Sources().Where(file => File.ReadAllText(file).Contains("[DllImport", StringComparison.Ordinal)).Should().BeEmpty("LibraryImport is compiled ahead of time");

    [Fact]
    public void Nothing_is_named_after_nothing() =>
        Sources().Select(file => Path.GetFileNameWithoutExtension(file)).Where(name => NamedAfterNothing().IsMatch(name!)).Should().BeEmpty();

    private static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "BackupTool.sln"))) return at.FullName;
        throw new InvalidOperationException("BackupTool.sln is in no directory above the tests.");
    }

    private static IEnumerable<string> References(string project, string kind) =>
        XDocument.Load(Path.Combine(Root, "src", project, project + ".csproj")).Descendants(kind).Select(reference => reference.Attribute("Include")!.Value);

    private static IEnumerable<string> Sources() =>
        Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    private static string ProjectOf(string file) => Path.GetRelativePath(Path.Combine(Root, "src"), file).Split('/')[0];

    [GeneratedRegex("""
        "libc(\.so(\.6)?)?"
        """)]
    private static partial Regex CLibrary();

    // systemd calls itself the system and service manager: that is what the type stands for.
    [GeneratedRegex("(Helper|Helpers|Utils|Util|Utilities|(?<!Service)Manager)$")]
    private static partial Regex NamedAfterNothing();
}
