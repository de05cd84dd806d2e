using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Tests.Services.Profiles;

/// <summary>A fresh directory that a service's files are laid out in.</summary>
public sealed class ProfileTree : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("profile-");

    public string Root => _root.FullName;

    public List<string> Notes { get; } = [];

    public BytePath At(string path) => BytePath.From(Path.Combine(Root, path));

    public BytePath Write(string path, string content)
    {
        string full = Path.Combine(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, content);
        return BytePath.From(full);
    }

    public BytePath MakeDirectory(string path) => BytePath.From(Directory.CreateDirectory(Path.Combine(Root, path)).FullName);

    public BytePath Link(string path, string target)
    {
        string full = Path.Combine(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.CreateSymbolicLink(full, target);
        return BytePath.From(full);
    }

    public ServiceLayout Describe(string kind, BytePath? config = null, params BytePath[] data) =>
        ServiceProfiles.For(kind)!.Describe(new ServiceFacts { Name = "it", Kind = kind, ConfigFile = config, DataPaths = data }, Notes.Add);

    public ServiceLayout Describe(ServiceFacts facts) => ServiceProfiles.For(facts.Kind)!.Describe(facts, Notes.Add);

    public ServiceLayoutException Refuse(string kind, BytePath? config = null, params BytePath[] data)
    {
        Action describe = () => Describe(kind, config, data);
        ServiceLayoutException refused = describe.Should().Throw<ServiceLayoutException>().Which;
        refused.Hint.Should().NotBeNullOrEmpty();
        return refused;
    }

    public void Dispose() => _root.Delete(recursive: true);
}
