using System.IO.Compression;
using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Tests.Services.Profiles;

public sealed class MaubotPluginTests : IDisposable
{
    private const string Metadata = "maubot: 0.1.0\nid: xyz.maubot.echo\nversion: 1.4.0\nlicense: AGPL-3.0-or-later\nmodules:\n- echo\nmain_class: EchoBot\ndatabase: true\n";
    private static readonly string Code = string.Concat(Enumerable.Range(0, 80).Select(i => $"def answer_{i * 7919 % 1000}(): return {i}\n"));
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("plugin-");

    [Fact]
    public void Reads_what_a_plugin_says_of_itself()
    {
        MaubotPlugin plugin = MaubotPlugin.Read(Write(Zip(CompressionLevel.Optimal, ("maubot.yaml", Metadata), ("echo/__init__.py", Code))));
        plugin.Id.Should().Be("xyz.maubot.echo");
        plugin.Version.Should().Be("1.4.0");
        plugin.Modules.Should().Equal("echo");
        plugin.MainClass.Should().Be("EchoBot");
        plugin.HasDatabase.Should().BeTrue();
        plugin.ContentBytes.Should().Be(Metadata.Length + Code.Length);
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void Finds_any_flipped_bit_of_a_plugins_content(CompressionLevel level)
    {
        byte[] good = Zip(level, ("maubot.yaml", Metadata), ("echo/__init__.py", Code));
        int second = good.AsSpan().IndexOf("echo/__init__.py"u8);
        int content = second + "echo/__init__.py".Length, directory = good.AsSpan().IndexOf("PK\x01\x02"u8);
        for (int at = content; at < directory; at++)
        {
            byte[] bad = (byte[])good.Clone();
            bad[at] ^= (byte)(1 << (at % 8));
            // The last bits of the last byte of a deflate stream are padding: nothing unpacks differently.
            if (at == directory - 1 && level == CompressionLevel.Optimal) continue;
            Action read = () => MaubotPlugin.Read(Write(bad));
            read.Should().Throw<DamagedPluginException>($"the byte at {at} is wrong").Which.Message.Should().Contain("a.mbp");
        }
    }

    [Fact]
    public void Lets_no_exception_of_the_unpacker_escape_whatever_bit_is_flipped()
    {
        byte[] good = Zip(CompressionLevel.Optimal, ("maubot.yaml", Metadata), ("echo.py", "x = 1"));
        for (int bit = 0; bit < good.Length * 8; bit++)
        {
            byte[] bad = (byte[])good.Clone();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                MaubotPlugin.Read(Write(bad));
            }
            catch (DamagedPluginException)
            {
                // what is promised; a flip in a time stamp may also go unnoticed
            }
        }
    }

    [Fact]
    public void Finds_a_plugin_cut_short_anywhere()
    {
        byte[] good = Zip(CompressionLevel.Optimal, ("maubot.yaml", Metadata), ("echo.py", Code));
        for (int length = 0; length < good.Length; length += 13)
        {
            Action read = () => MaubotPlugin.Read(Write(good[..length]));
            read.Should().Throw<DamagedPluginException>($"only {length} bytes are left");
        }
    }

    [Theory]
    [InlineData("", "`maubot.yaml` is empty")]
    [InlineData("id: x\n", "no `version`")]
    [InlineData("version: 1\n", "no `id`")]
    [InlineData("- a\n", "not a YAML mapping")]
    [InlineData("id: [\n", "not a YAML mapping")]
    public void Refuses_metadata_that_maubot_would_refuse(string metadata, string why)
    {
        Action read = () => MaubotPlugin.Read(Write(Zip(CompressionLevel.Optimal, ("maubot.yaml", metadata))));
        read.Should().Throw<DamagedPluginException>().Which.Message.Should().Contain(metadata.Length == 0 ? "not a YAML mapping" : why);
    }

    [Fact]
    public void Refuses_a_zip_file_that_is_no_plugin()
    {
        Action read = () => MaubotPlugin.Read(Write(Zip(CompressionLevel.Optimal, ("readme.txt", "hello"))));
        read.Should().Throw<DamagedPluginException>().Which.Message.Should().Contain("no maubot.yaml");
    }

    [Fact]
    public void Stops_unpacking_what_is_made_to_fill_the_machine()
    {
        BytePath bomb = Write(Zip(CompressionLevel.Optimal, ("maubot.yaml", Metadata), ("zeros", new string('0', 4_000_000))));
        Action read = () => MaubotPlugin.Read(bomb, maxContentBytes: 1_000_000);
        read.Should().Throw<DamagedPluginException>().Which.Message.Should().Contain("unpacks to more than 1000000 bytes");
        MaubotPlugin.Read(bomb).ContentBytes.Should().BeGreaterThan(4_000_000);
    }

    [Fact]
    public void Refuses_metadata_nested_deeper_than_any_stack()
    {
        Action read = () => MaubotPlugin.Read(Write(Zip(CompressionLevel.Optimal, ("maubot.yaml", "a: " + new string('[', 60_000)))));
        read.Should().Throw<DamagedPluginException>();
    }

    [Fact]
    public void Refuses_a_directory_with_a_plugins_name()
    {
        Action read = () => MaubotPlugin.Read(BytePath.From(_directory.CreateSubdirectory("x.mbp").FullName));
        read.Should().Throw<DamagedPluginException>().Which.Message.Should().Contain("not a file");
    }

    [Fact]
    public void Reads_a_plugin_whose_name_is_not_text()
    {
        BytePath good = Write(Zip(CompressionLevel.Optimal, ("maubot.yaml", Metadata)));
        var odd = new BytePath([.. good.Parent.Bytes, (byte)'/', 0xff, .. ".mbp"u8]);
        PosixDirectory.Current.Rename(good, PosixDirectory.Current, odd);
        MaubotPlugin.Read(odd).Id.Should().Be("xyz.maubot.echo");
    }

    private BytePath Write(byte[] content)
    {
        string path = Path.Combine(_directory.FullName, "a.mbp");
        File.WriteAllBytes(path, content);
        return BytePath.From(path);
    }

    private static byte[] Zip(CompressionLevel level, params (string Name, string Content)[] files)
    {
        var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, string content) in files)
            {
                using Stream entry = archive.CreateEntry(name, level).Open();
                entry.Write(Encoding.UTF8.GetBytes(content));
            }
        }
        return zip.ToArray();
    }

    public void Dispose() => PosixDirectory.Current.RemoveTree(BytePath.From(_directory.FullName));   // the base library cannot remove every name
}
